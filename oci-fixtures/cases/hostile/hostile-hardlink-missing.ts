import type { FixtureCase } from "../../fixture.ts";
import { directory, hardlink, tar } from "../../tar-builder.ts";

export const hostileHardlinkMissing: FixtureCase = {
  name: "hostile-hardlink-missing",
  about: "A hard link to what is not there.",
  layers: [{ tar: tar(directory("usr"), hardlink("usr/a", "usr/none")) }],
  expect: [{ code: "bad-format", message: /hard link.*not there/ }],
};
