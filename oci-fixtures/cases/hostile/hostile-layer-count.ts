import type { FixtureCase } from "../../fixture.ts";
import { directory, file, tar } from "../../tar-builder.ts";

export const hostileLayerCount: FixtureCase = {
  name: "hostile-layer-count",
  about: "A manifest with more layers than its config.",
  layers: [{ tar: tar(directory("usr")) }, { tar: tar(file("usr/a", "1")) }],
  expect: [{ code: "bad-format", message: /layers/ }],
  missingDiffIds: 1,
};
