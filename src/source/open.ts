// From a reference to its source: one place knows which transports there are.

import { Oci2cfsError } from "../errors.ts";
import { formatReference, type ImageReference } from "../format/reference.ts";
import type { ImageSource } from "./source.ts";

/** @throws Oci2cfsError `image-not-found`, `bad-format`; `unsupported` for a transport that is not read yet. */
export async function openSource(reference: ImageReference): Promise<ImageSource> {
  switch (reference.transport) {
    case "oci":
      return (await import("./layout.ts")).openLayout(reference);
    case "oci-archive":
      return (await import("./archive.ts")).openArchive(reference);
    default:
      throw new Oci2cfsError("unsupported", `${formatReference(reference)}: transport ${reference.transport}`, {
        hint: `copy the image first: skopeo copy ${formatReference(reference)} oci:DIR:TAG`,
      });
  }
}
