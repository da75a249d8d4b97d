import type { FixtureCase } from "../../fixture.ts";
import { directory, hardlink, tar } from "../../tar-builder.ts";

export const hostileHardlinkToDirectory: FixtureCase = {
  name: "hostile-hardlink-to-directory",
  about: "A hard link to a directory.",
  layers: [{ tar: tar(directory("usr"), directory("usr/d"), hardlink("usr/a", "usr/d")) }],
  expect: [{ code: "bad-format", message: /hard link to the directory/ }],
};
