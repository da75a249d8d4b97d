// The tree of a composefs image that a verb names: a file, or an image of the repository.

import { readFileSync } from "node:fs";
import { withContext } from "../errors.ts";
import type { Directory } from "../format/node.ts";
import type { GlobalOptions } from "./session.ts";
import { withImages } from "./with-images.ts";

/** @throws Oci2cfsError `not-found`, `bad-format`, `digest-mismatch` for a damaged image of the repository. */
export async function loadImage(name: string, options: GlobalOptions & { file: boolean }): Promise<Directory> {
  const { readErofs } = await import("../format/erofs/read.ts");
  if (!options.file) {
    return withImages(options, "read", ({ repository, images }) =>
      readErofs(repository.readObject(images.findComposefs(name))),
    );
  }
  try {
    return readErofs(readFileSync(name));
  } catch (error) {
    throw withContext(name, error);
  }
}
