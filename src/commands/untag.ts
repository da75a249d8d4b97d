// `oci2cfs untag NAME`: takes a name away. The image itself stays until a garbage collection finds it unused.

import type { Command } from "commander";
import type { GlobalOptions } from "./session.ts";
import { withImages } from "./with-images.ts";

export function addUntag(program: Command): void {
  program
    .command("untag")
    .description("remove a name from the repository")
    .argument("<name>", "a tag")
    .addHelpText("after", "\nExample:\n  oci2cfs untag stable")
    .action(async (name: string, _: unknown, self: Command) => {
      await withImages(self.optsWithGlobals<GlobalOptions>(), "write", ({ images }) => images.untag(name));
    });
}
