import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, tar } from "../tar-builder.ts";

export const modes: FixtureCase = {
  name: "modes",
  about: "Set-id and sticky bits, no permissions at all, and a mode field that has file type bits.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        file("usr/suid", "1", { mode: 0o4755 }),
        file("usr/sgid", "1", { mode: 0o2755 }),
        file("usr/none", "1", { mode: 0 }),
        file("usr/typed", "1", { mode: 0o100600 }),
        directory("usr/sticky", { mode: 0o3777 }),
      ),
    },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/none 1 100000 1 0 0 0 1000.0 - 1 -",
        "/usr/sgid 1 102755 1 0 0 0 1000.0 - 1 -",
        "/usr/sticky 0 43777 2 0 0 0 1000.0 - - -",
        "/usr/suid 1 104755 1 0 0 0 1000.0 - 1 -",
        "/usr/typed 1 100600 1 0 0 0 1000.0 - 1 -",
      ),
    },
  ],
};
