// `oci2cfs mount NAME DIR`: the image as a read-only file system, by the kernel's own EROFS and overlayfs.

import type { Command } from "commander";
import type { GlobalOptions } from "./session.ts";
import { withImages } from "./with-images.ts";

export function addMount(program: Command): void {
  program
    .command("mount")
    .description("mount an image of the repository read-only (root)")
    .argument("<image>", "a tag, @sha256:<digest> of a manifest, or the composefs digest of an image")
    .argument("<dir>", "where to mount it")
    .addHelpText(
      "after",
      `
The image is measured before it is mounted. In a repository with fs-verity the kernel
checks every object while it is read.

Example:
  oci2cfs mount oci:/srv/os:latest /mnt`,
    )
    .action(async (name: string, target: string, _: unknown, self: Command) => {
      await withImages(self.optsWithGlobals<GlobalOptions>(), "read", async ({ repository, images }) => {
        const [{ mountComposefs }, { readHeader }] = await Promise.all([
          import("../sys/mount.ts"),
          import("../format/erofs/header.ts"),
        ]);
        const digest = images.findComposefs(name);
        await mountComposefs({
          image: repository.objectFile(digest),
          objects: `${repository.path}/objects`,
          target,
          hasAcl: readHeader(repository.readObject(digest)).hasAcl,
          requireVerity: repository.verity === "required",
        });
      });
    });
}
