import type { FixtureCase } from "../../fixture.ts";
import { directory, hardlink, tar } from "../../tar-builder.ts";

export const hostileHardlinkToItself: FixtureCase = {
  name: "hostile-hardlink-to-itself",
  about: "A hard link to itself, which is not there yet.",
  layers: [{ tar: tar(directory("usr"), hardlink("usr/a", "usr/a")) }],
  expect: [{ code: "bad-format", message: /hard link.*not there/ }],
};
