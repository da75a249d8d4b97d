import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, tar, whiteout } from "../tar-builder.ts";

export const whiteouts: FixtureCase = {
  name: "whiteout",
  about: "A second layer takes away a file, a whole directory, and what was never there.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        file("usr/kept", "1"),
        file("usr/gone", "1"),
        directory("usr/tree"),
        directory("usr/tree/deep"),
        file("usr/tree/deep/file", "1"),
      ),
    },
    { tar: tar(directory("usr", { mtime: 2000 }), whiteout("usr/gone"), whiteout("usr/tree"), whiteout("usr/never")) },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 2000.0 - - -",
        "/usr 0 40755 2 0 0 0 2000.0 - - -",
        "/usr/kept 1 100644 1 0 0 0 1000.0 - 1 -",
      ),
    },
  ],
};
