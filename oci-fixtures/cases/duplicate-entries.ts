import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, hardlink, symlink, tar } from "../tar-builder.ts";

export const duplicateEntries: FixtureCase = {
  name: "duplicate-entries",
  about:
    "One layer has the same path several times: the last counts, and a link made in between keeps the earlier file.",
  layers: [
    {
      tar: tar(
        directory("usr", { mode: 0o700 }),
        file("usr/a", "first"),
        hardlink("usr/kept", "usr/a"),
        file("usr/a", "second", { mtime: 2000 }),
        symlink("usr/l", "one"),
        symlink("usr/l", "two"),
        directory("usr/d"),
        file("usr/d/inside", "1"),
        directory("usr/d", { mode: 0o711 }),
        directory("usr", { mtime: 3000 }),
      ),
    },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 3000.0 - - -",
        "/usr 0 40755 2 0 0 0 3000.0 - - -",
        "/usr/a 6 100644 1 0 0 0 2000.0 - second -",
        "/usr/d 0 40711 2 0 0 0 1000.0 - - -",
        "/usr/d/inside 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/kept 5 100644 1 0 0 0 1000.0 - first -",
        "/usr/l 3 120777 1 0 0 0 1000.0 two - -",
      ),
    },
  ],
};
