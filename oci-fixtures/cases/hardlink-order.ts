import { dump, type FixtureCase } from "../fixture.ts";
import { device, directory, file, hardlink, symlink, tar } from "../tar-builder.ts";

export const hardlinkOrder: FixtureCase = {
  name: "hardlink-order",
  about: "The inode lies where the first name in depth-first byte order is; links to symlinks, devices and links.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        // "usr/a" goes in front of "usr/a-file" depth first, although "-" sorts before "/".
        file("usr/a-file", "one"),
        directory("usr/a"),
        hardlink("usr/a/name", "usr/a-file"),
        hardlink("usr/a/name2", "usr/a/name"),
        symlink("usr/l", "target"),
        hardlink("usr/k", "usr/l", { mode: 0o777 }),
        device("usr/tty", "character", { devMajor: 5, devMinor: 0 }),
        hardlink("usr/console", "usr/tty"),
        file("usr/empty"),
        hardlink("usr/empty2", "usr/empty"),
      ),
    },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/a 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/a/name 3 100644 3 0 0 0 1000.0 - one -",
        "/usr/a/name2 0 @100644 - - - - 0.0 /usr/a/name - -",
        "/usr/a-file 0 @100644 - - - - 0.0 /usr/a/name - -",
        "/usr/console 0 20644 2 0 0 1280 1000.0 - - -",
        "/usr/empty 0 100644 2 0 0 0 1000.0 - - -",
        "/usr/empty2 0 @100644 - - - - 0.0 /usr/empty - -",
        "/usr/k 6 120777 2 0 0 0 1000.0 target - -",
        "/usr/l 0 @120777 - - - - 0.0 /usr/k - -",
        "/usr/tty 0 @20644 - - - - 0.0 /usr/console - -",
      ),
    },
  ],
};
