import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, opaque, tar } from "../tar-builder.ts";

export const opaqueNested: FixtureCase = {
  name: "opaque-nested",
  about: "A third layer makes a directory opaque that has directories of both layers below.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        directory("usr/d"),
        directory("usr/d/lower"),
        file("usr/d/lower/a", "1"),
        directory("usr/d/both"),
        file("usr/d/both/a", "1"),
      ),
    },
    { tar: tar(file("usr/d/both/b", "2"), directory("usr/d/middle"), file("usr/d/middle/b", "2")) },
    {
      tar: tar(
        directory("usr/d"),
        directory("usr/d/both", { mtime: 3000 }),
        file("usr/d/both/c", "3"),
        opaque("usr/d"),
        directory("usr/d/upper", { mtime: 3000 }),
      ),
    },
  ],
  umociDiffers: "umoci leaves the hidden directory with the time of unpacking",
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/d 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/d/both 0 40755 2 0 0 0 3000.0 - - -",
        "/usr/d/both/c 1 100644 1 0 0 0 1000.0 - 3 -",
        "/usr/d/upper 0 40755 2 0 0 0 3000.0 - - -",
      ),
    },
  ],
};
