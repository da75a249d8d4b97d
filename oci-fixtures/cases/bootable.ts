import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, hardlink, tar } from "../tar-builder.ts";

export const bootable: FixtureCase = {
  name: "bootable",
  about: "/boot and /sysroot with something in them, which a bootable image must not have.",
  layers: [
    {
      tar: tar(
        directory("usr", { mtime: 2000 }),
        file("usr/vmlinuz", "kernel"),
        directory("boot", { mode: 0o700 }),
        hardlink("boot/vmlinuz", "usr/vmlinuz"),
        directory("boot/efi"),
        directory("sysroot"),
        file("sysroot/stray", "1"),
        directory("etc"),
      ),
    },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 2000.0 - - -",
        "/boot 0 40700 2 0 0 0 1000.0 - - -",
        "/boot/efi 0 40755 2 0 0 0 1000.0 - - -",
        "/boot/vmlinuz 6 100644 2 0 0 0 1000.0 - kernel -",
        "/etc 0 40755 2 0 0 0 1000.0 - - -",
        "/sysroot 0 40755 2 0 0 0 1000.0 - - -",
        "/sysroot/stray 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr 0 40755 2 0 0 0 2000.0 - - -",
        "/usr/vmlinuz 0 @100644 - - - - 0.0 /boot/vmlinuz - -",
      ),
    },
    {
      options: { bootable: true },
      dump: dump(
        "/ 0 40755 2 0 0 0 2000.0 - - -",
        "/boot 0 40700 2 0 0 0 2000.0 - - -",
        "/etc 0 40755 2 0 0 0 1000.0 - - -",
        "/sysroot 0 40755 2 0 0 0 2000.0 - - -",
        "/usr 0 40755 2 0 0 0 2000.0 - - -",
        "/usr/vmlinuz 6 100644 1 0 0 0 1000.0 - kernel -",
      ),
    },
  ],
};
