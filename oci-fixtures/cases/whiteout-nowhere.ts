import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, tar, whiteout } from "../tar-builder.ts";

export const whiteoutNowhere: FixtureCase = {
  name: "whiteout-nowhere",
  about: "A whiteout in a directory that is not there hides nothing; composefs-rs wants the directory.",
  layers: [{ tar: tar(directory("usr"), file("usr/a", "1")) }, { tar: tar(whiteout("opt/app/data")) }],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/a 1 100644 1 0 0 0 1000.0 - 1 -",
      ),
    },
    { options: { compat: "composefs-rs" }, code: "bad-format", message: /whiteout/ },
  ],
};
