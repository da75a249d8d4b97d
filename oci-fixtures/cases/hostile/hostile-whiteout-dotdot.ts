import type { FixtureCase } from "../../fixture.ts";
import { directory, file, tar } from "../../tar-builder.ts";

export const hostileWhiteoutDotdot: FixtureCase = {
  name: "hostile-whiteout-dotdot",
  about: "A whiteout that hides the directory above.",
  layers: [{ tar: tar(directory("usr"), directory("usr/d")) }, { tar: tar(file("usr/d/.wh...")) }],
  expect: [{ code: "bad-format", message: /names nothing/ }],
};
