import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, tar, whiteout } from "../tar-builder.ts";

export const entryThenWhiteout: FixtureCase = {
  name: "entry-then-whiteout",
  about: "The same with the whiteout last: it hides only what is below its layer; composefs-rs takes away both.",
  layers: [
    { tar: tar(directory("usr"), directory("usr/x"), file("usr/x/old", "old"), file("usr/y", "old")) },
    {
      tar: tar(
        directory("usr/x", { mtime: 2000 }),
        file("usr/x/new", "new"),
        whiteout("usr/x"),
        file("usr/y", "new"),
        whiteout("usr/y"),
      ),
    },
  ],
  umociDiffers: "umoci leaves the hidden directory with the time of unpacking",
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
    {
      options: { compat: "composefs-rs" },
      dump: dump("/ 0 40755 2 0 0 0 1000.0 - - -", "/usr 0 40755 2 0 0 0 1000.0 - - -"),
    },
  ],
};
