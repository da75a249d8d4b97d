import type { FixtureCase } from "../../fixture.ts";
import { file, tar } from "../../tar-builder.ts";

export const hostileRootAsFile: FixtureCase = {
  name: "hostile-root-as-file",
  about: "The root as a regular file.",
  layers: [{ tar: tar(file("./", "1")) }],
  expect: [{ code: "bad-format", message: /is the root/ }],
};
