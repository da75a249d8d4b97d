// `oci2cfs dump IMAGE|NAME`: an image's composefs-dump(5) text, from a file or from the repository.

import { existsSync } from "node:fs";
import type { Command } from "commander";
import { loadImage } from "./load-image.ts";
import type { GlobalOptions } from "./session.ts";

export function addDump(program: Command): void {
  program
    .command("dump")
    .description("print the composefs dump of an image")
    .argument("<image>", "an image file, a tag, @sha256:<digest> of a manifest, or a composefs digest")
    .addHelpText("after", "\nExamples:\n  oci2cfs dump os.cfs\n  oci2cfs dump oci:/srv/os:latest | grep ^/etc/")
    .action(async (image: string, _: unknown, self: Command) => {
      const { formatDump } = await import("../format/dump.ts");
      const tree = await loadImage(image, { ...self.optsWithGlobals<GlobalOptions>(), file: existsSync(image) });
      for (const piece of formatDump(tree)) await write(piece);
    });
}

/** Waits when the reader is slow, so that a large dump is not all in memory. */
function write(piece: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(piece, (error) => (error ? reject(error) : resolve()));
  });
}
