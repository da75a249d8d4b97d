import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, hardlink, tar } from "../tar-builder.ts";

export const aufsNames: FixtureCase = {
  name: "aufs-names",
  about: "What AUFS kept for itself in the layers of old images is not part of them.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        directory(".wh..wh.plnk"),
        file(".wh..wh.plnk/85.129", "1"),
        file(".wh..wh.aufs", ""),
        directory(".wh..wh.orph"),
        file("usr/a", "1"),
        hardlink(".wh..wh.plnk/86.130", "usr/a"),
      ),
    },
  ],
  umociDiffers: "umoci takes such names for whiteouts and fails",
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/a 1 100644 1 0 0 0 1000.0 - 1 -",
      ),
    },
  ],
};
