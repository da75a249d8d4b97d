import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, tar, whiteout } from "../tar-builder.ts";

export const whiteoutThenEntry: FixtureCase = {
  name: "whiteout-then-entry",
  about: "A layer hides a name of the layer below and brings its own, the whiteout first.",
  layers: [
    { tar: tar(directory("usr"), directory("usr/x"), file("usr/x/old", "old"), file("usr/y", "old")) },
    {
      tar: tar(
        whiteout("usr/x"),
        directory("usr/x", { mtime: 2000 }),
        file("usr/x/new", "new"),
        whiteout("usr/y"),
        file("usr/y", "new"),
      ),
    },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/x 0 40755 2 0 0 0 2000.0 - - -",
        "/usr/x/new 3 100644 1 0 0 0 1000.0 - new -",
        "/usr/y 3 100644 1 0 0 0 1000.0 - new -",
      ),
    },
  ],
};
