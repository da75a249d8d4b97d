import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, opaque, tar } from "../tar-builder.ts";

export const opaqueLast: FixtureCase = {
  name: "opaque-last",
  about: "An opaque marker behind its siblings: they stay; composefs-rs empties the directory.",
  layers: [
    { tar: tar(directory("usr"), directory("usr/d"), file("usr/d/a", "old"), file("usr/d/b", "old")) },
    { tar: tar(directory("usr/d", { mode: 0o750 }), file("usr/d/b", "new"), file("usr/d/c", "new"), opaque("usr/d")) },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/d 0 40750 2 0 0 0 1000.0 - - -",
        "/usr/d/b 3 100644 1 0 0 0 1000.0 - new -",
        "/usr/d/c 3 100644 1 0 0 0 1000.0 - new -",
      ),
    },
    {
      options: { compat: "composefs-rs" },
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/d 0 40750 2 0 0 0 1000.0 - - -",
      ),
    },
  ],
};
