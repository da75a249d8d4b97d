import { bytes65 } from "../contents.ts";
import { dump, type FixtureCase, stored } from "../fixture.ts";
import { device, directory, fifo, file, hardlink, symlink, tar } from "../tar-builder.ts";

export const entryTypes: FixtureCase = {
  name: "entry-types",
  about: "One entry of each type.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        directory("usr/bin"),
        file("usr/bin/tool", bytes65.bytes, { mode: 0o755 }),
        hardlink("usr/bin/alias", "usr/bin/tool"),
        symlink("bin", "usr/bin"),
        directory("etc", { mode: 0o700, uid: 1, gid: 2 }),
        file("etc/hosts", "127.0.0.1 localhost\n", { mtime: 2000 }),
        directory("dev"),
        device("dev/null", "character", { mode: 0o666, devMajor: 1, devMinor: 3 }),
        device("dev/loop7", "block", { mode: 0o660, gid: 6, devMajor: 7, devMinor: 7 }),
        fifo("dev/initctl", { mode: 0o600 }),
      ),
    },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/bin 7 120777 1 0 0 0 1000.0 usr/bin - -",
        "/dev 0 40755 2 0 0 0 1000.0 - - -",
        "/dev/initctl 0 10600 1 0 0 0 1000.0 - - -",
        "/dev/loop7 0 60660 1 0 6 1799 1000.0 - - -",
        "/dev/null 0 20666 1 0 0 259 1000.0 - - -",
        "/etc 0 40700 2 1 2 0 1000.0 - - -",
        "/etc/hosts 20 100644 1 0 0 0 2000.0 - 127.0.0.1\\x20localhost\\n -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/bin 0 40755 2 0 0 0 1000.0 - - -",
        `/usr/bin/alias 65 100755 2 0 0 0 1000.0 ${stored(bytes65)}`,
        "/usr/bin/tool 0 @100755 - - - - 0.0 /usr/bin/alias - -",
      ),
    },
  ],
};
