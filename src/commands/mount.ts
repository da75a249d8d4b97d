// `oci2cfs mount NAME DIR`: the image as a read-only file system, by the kernel's own EROFS and overlayfs.

import type { Command } from "commander";
import { type GlobalOptions, repositoryPath } from "./session.ts";

export function addMount(program: Command): void {
  program
    .command("mount")
    .description("mount an image of the repository read-only (root)")
    .argument("<image>", "a tag, @sha256:<digest> of a manifest, or the composefs digest of an image")
    .argument("<dir>", "where to mount it")
    .addHelpText(
      "after",
      `
Every object is checked by the kernel while it is read when the repository has fs-verity.

Example:
  oci2cfs mount oci:/srv/os:latest /mnt`,
    )
    .action(async (image: string, directory: string, _: unknown, self: Command) => {
      const { mountImage } = await import("../mount-image.ts");
      await mountImage({ repository: repositoryPath(self.optsWithGlobals<GlobalOptions>()), image, target: directory });
    });
}
