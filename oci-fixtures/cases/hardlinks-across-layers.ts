import { bytes65 } from "../contents.ts";
import { dump, type FixtureCase, stored } from "../fixture.ts";
import { directory, file, hardlink, tar, whiteout } from "../tar-builder.ts";

export const hardlinksAcrossLayers: FixtureCase = {
  name: "hardlinks-across-layers",
  about: "Hard links to files of lower layers, whose first names are taken away or replaced later.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        file("usr/m", bytes65.bytes),
        file("usr/first", "1", { uid: 7 }),
        file("usr/shared", "1"),
        hardlink("usr/shared2", "usr/shared"),
      ),
    },
    // The link's own metadata counts for nothing.
    {
      tar: tar(
        hardlink("usr/z", "usr/m", { uid: 9, mode: 0o600 }),
        hardlink("usr/a", "/usr/m"),
        hardlink("usr/b", "usr/first"),
      ),
    },
    { tar: tar(whiteout("usr/first"), file("usr/shared", "2")) },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        `/usr/a 65 100644 3 0 0 0 1000.0 ${stored(bytes65)}`,
        "/usr/b 1 100644 1 7 0 0 1000.0 - 1 -",
        "/usr/m 0 @100644 - - - - 0.0 /usr/a - -",
        "/usr/shared 1 100644 1 0 0 0 1000.0 - 2 -",
        "/usr/shared2 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/z 0 @100644 - - - - 0.0 /usr/a - -",
      ),
    },
  ],
};
