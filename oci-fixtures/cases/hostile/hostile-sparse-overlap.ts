import type { FixtureCase } from "../../fixture.ts";
import { directory, file, tar } from "../../tar-builder.ts";

export const hostileSparseOverlap: FixtureCase = {
  name: "hostile-sparse-overlap",
  about: "A sparse file whose runs overlap.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        file("usr/a", "1234567890", { pax: { "GNU.sparse.size": "100", "GNU.sparse.map": "0,5,4,5" } }),
      ),
    },
  ],
  expect: [{ code: "bad-format", message: /sparse run/ }],
};
