// `oci2cfs images`: what the repository holds, one line a tag.

import type { Command } from "commander";
import { type GlobalOptions, print, printJson, wantsJson } from "./session.ts";
import { formatTable, shortDigest } from "./text.ts";
import { withImages } from "./with-images.ts";

interface ImagesFlags extends GlobalOptions {
  format?: string;
}

export function addImages(program: Command): void {
  program
    .command("images")
    .description("list the images of the repository")
    .option("--format <format>", "text or json")
    .addHelpText("after", "\nExamples:\n  oci2cfs images\n  oci2cfs images --format json")
    .action(async (_: unknown, self: Command) => {
      const flags = self.optsWithGlobals<ImagesFlags>();
      const json = wantsJson(flags.format);
      await withImages(flags, "read", ({ repository, images }) => {
        const list = images.list();
        if (json) {
          printJson({
            algorithm: repository.algorithm,
            images: list.map(({ name, image }) => ({
              name,
              manifestDigest: image.manifestDigest,
              architecture: image.config.architecture,
              os: image.config.os,
              created: image.config.created ?? null,
              layers: image.manifest.layers.length,
              composefs: Object.fromEntries(image.variants),
            })),
          });
          return;
        }
        const rows = list.flatMap(({ name, image }) =>
          [...image.variants].map(([variant, digest]) => [
            name,
            shortDigest(image.manifestDigest),
            variant.replace(/^composefs\.image\.?/, "") || "v2",
            shortDigest(digest),
            image.config.created?.slice(0, 10) ?? "",
          ]),
        );
        print(formatTable(["NAME", "MANIFEST", "VARIANT", "COMPOSEFS", "CREATED"], rows));
      });
    });
}
