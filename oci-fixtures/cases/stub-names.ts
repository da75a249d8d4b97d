import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, symlink, tar } from "../tar-builder.ts";

export const stubNames: FixtureCase = {
  name: "stub-names",
  about: "Names in the root that an image reserves for hiding the object store's directories.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        file("00", "1"),
        directory("ab"),
        file("ab/cdef", "1"),
        symlink("ff", "usr"),
        file("FF", "1"),
        file("0", "1"),
        file("usr/00", "1"),
      ),
    },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/0 1 100644 1 0 0 0 1000.0 - 1 -",
        "/00 1 100644 1 0 0 0 1000.0 - 1 -",
        "/FF 1 100644 1 0 0 0 1000.0 - 1 -",
        "/ab 0 40755 2 0 0 0 1000.0 - - -",
        "/ab/cdef 1 100644 1 0 0 0 1000.0 - 1 -",
        "/ff 3 120777 1 0 0 0 1000.0 usr - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/00 1 100644 1 0 0 0 1000.0 - 1 -",
      ),
    },
  ],
};
