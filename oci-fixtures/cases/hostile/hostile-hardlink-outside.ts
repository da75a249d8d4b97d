import type { FixtureCase } from "../../fixture.ts";
import { directory, hardlink, tar } from "../../tar-builder.ts";

export const hostileHardlinkOutside: FixtureCase = {
  name: "hostile-hardlink-outside",
  about: "A hard link whose target climbs out of the image.",
  layers: [{ tar: tar(directory("usr"), hardlink("usr/a", "../../etc/shadow")) }],
  expect: [{ code: "bad-format", message: /"\.\."/ }],
};
