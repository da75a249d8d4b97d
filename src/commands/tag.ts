// `oci2cfs tag NAME NEW`: a further name for an image that the repository holds.

import type { Command } from "commander";
import type { GlobalOptions } from "./session.ts";
import { withImages } from "./with-images.ts";

export function addTag(program: Command): void {
  program
    .command("tag")
    .description("give an image in the repository a further name")
    .argument("<name>", "a tag, or @sha256:<digest> of a manifest")
    .argument("<new>", "the name to add; moved when it names another image")
    .addHelpText("after", "\nExample:\n  oci2cfs tag oci:/srv/os:latest stable")
    .action(async (name: string, added: string, _: unknown, self: Command) => {
      await withImages(self.optsWithGlobals<GlobalOptions>(), "write", ({ images }) => images.tag(name, added));
    });
}
