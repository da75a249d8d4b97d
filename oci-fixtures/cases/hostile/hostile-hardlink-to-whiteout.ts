import type { FixtureCase } from "../../fixture.ts";
import { directory, file, hardlink, tar, whiteout } from "../../tar-builder.ts";

export const hostileHardlinkToWhiteout: FixtureCase = {
  name: "hostile-hardlink-to-whiteout",
  about: "A hard link to a file that the same layer hid.",
  layers: [
    { tar: tar(directory("usr"), file("usr/a", "1")) },
    { tar: tar(whiteout("usr/a"), hardlink("usr/b", "usr/a")) },
  ],
  expect: [{ code: "bad-format", message: /hard link.*not there/ }],
};
