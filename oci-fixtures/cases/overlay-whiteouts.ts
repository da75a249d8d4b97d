import { dump, type FixtureCase } from "../fixture.ts";
import { device, directory, file, tar } from "../tar-builder.ts";

const tree = dump(
  "/ 0 40755 2 0 0 0 1000.0 - - -",
  "/usr 0 40755 2 0 0 0 1000.0 - - -",
  "/usr/d 0 40755 2 0 0 0 1000.0 - - -",
  "/usr/d/gone 0 20600 1 0 0 0 1000.0 - - -",
  "/usr/d/kept 1 100644 1 0 0 0 1000.0 - 1 - trusted.overlay.redirect=/x",
);

export const overlayWhiteouts: FixtureCase = {
  name: "overlay-whiteouts",
  about: "An image with overlayfs' own whiteout device and xattrs in it, which must survive the mount.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        directory("usr/d"),
        device("usr/d/gone", "character", { mode: 0o600 }),
        file("usr/d/kept", "1", { xattrs: { "trusted.overlay.redirect": "/x" } }),
      ),
    },
  ],
  expect: [
    { options: { xattrs: "all" }, dump: tree },
    // Version 0 becomes 1 for a tree with whiteouts, as with `mkcomposefs --min-version=0 --max-version=1`.
    { options: { xattrs: "all", erofsVersion: 0 }, dump: tree },
  ],
};
