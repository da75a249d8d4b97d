import type { FixtureCase } from "../../fixture.ts";
import { directory, file, tar } from "../../tar-builder.ts";

export const hostileDotdotPath: FixtureCase = {
  name: "hostile-dotdot-path",
  about: "An entry that climbs out of the image.",
  layers: [{ tar: tar(directory("usr"), file("usr/../../etc/passwd", "x")) }],
  expect: [{ code: "bad-format", message: /"\.\."/ }],
};
