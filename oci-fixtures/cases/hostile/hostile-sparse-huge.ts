import type { FixtureCase } from "../../fixture.ts";
import { directory, file, tar } from "../../tar-builder.ts";

export const hostileSparseHuge: FixtureCase = {
  name: "hostile-sparse-huge",
  about: "A sparse file of 8 EiB: no composefs image can hold it.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        file("usr/a", "1", { pax: { "GNU.sparse.size": "9223372036854775807", "GNU.sparse.map": "0,1" } }),
      ),
    },
  ],
  expect: [{ code: "bad-format", message: /is not a whole number below 2\^53/ }],
};
