// `oci2cfs umount DIR`: takes down what `mount` put up.

import type { Command } from "commander";

export function addUmount(program: Command): void {
  program
    .command("umount")
    .alias("unmount")
    .description("unmount a composefs (root)")
    .argument("<dir>", "where it is mounted")
    .addHelpText("after", "\nExample:\n  oci2cfs umount /mnt")
    .action(async (directory: string) => {
      const { unmountComposefs } = await import("../sys/mount.ts");
      await unmountComposefs(directory);
    });
}
