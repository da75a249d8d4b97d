import { dump, type FixtureCase } from "../fixture.ts";
import { file, hardlink, tar, whiteout } from "../tar-builder.ts";

export const impliedParents: FixtureCase = {
  name: "implied-parents",
  about: "Directories that no entry makes are root's, 0755, from 1970; composefs-rs does not make them.",
  layers: [
    { tar: tar(file("usr/share/doc/readme", "1"), hardlink("opt/link", "usr/share/doc/readme")) },
    { tar: tar(whiteout("usr/share/doc"), file("usr/share/man/page", "2")) },
  ],
  umociDiffers: "umoci gives directories that it has to make the time of unpacking",
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 0.0 - - -",
        "/opt 0 40755 2 0 0 0 0.0 - - -",
        "/opt/link 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr 0 40755 2 0 0 0 0.0 - - -",
        "/usr/share 0 40755 2 0 0 0 0.0 - - -",
        "/usr/share/man 0 40755 2 0 0 0 0.0 - - -",
        "/usr/share/man/page 1 100644 1 0 0 0 1000.0 - 2 -",
      ),
    },
    { options: { compat: "composefs-rs" }, code: "bad-format", message: /is not there/ },
  ],
};
