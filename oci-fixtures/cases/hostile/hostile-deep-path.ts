import type { FixtureCase } from "../../fixture.ts";
import { directory, file, tar } from "../../tar-builder.ts";

export const hostileDeepPath: FixtureCase = {
  name: "hostile-deep-path",
  about: "A path of 40000 directories.",
  layers: [{ tar: tar(directory("usr"), file("cut", "1", { pax: { path: `usr/${"d/".repeat(40_000)}f` } })) }],
  expect: [{ code: "bad-format", message: /a path of/ }],
};
