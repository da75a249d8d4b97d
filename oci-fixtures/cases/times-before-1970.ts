import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, tar } from "../tar-builder.ts";

export const timesBefore1970: FixtureCase = {
  name: "times-before-1970",
  about: "Negative times in base-256 and in pax, where the fraction counts backwards; composefs-rs refuses them.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        file("usr/base256", "1", { mtime: -86_400 }),
        file("usr/pax", "1", { pax: { mtime: "-1.25" } }),
      ),
    },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/base256 1 100644 1 0 0 0 -86400.0 - 1 -",
        "/usr/pax 1 100644 1 0 0 0 -2.750000000 - 1 -",
      ),
    },
    { options: { compat: "composefs-rs" }, code: "bad-format", message: /1970/ },
  ],
};
