import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, tar } from "../tar-builder.ts";

const base64 = (text: string): string => Buffer.from(text, "latin1").toString("base64").replace(/=+$/, "");

export const xattrsLibarchive: FixtureCase = {
  name: "xattrs-libarchive",
  about: "bsdtar's own xattr records, base64 and with percent signs in names; a SCHILY record of the name wins.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        file("usr/a", "1", { pax: { "LIBARCHIVE.xattr.user.x%25y": base64("\0\xff") } }),
        file("usr/b", "1", {
          pax: { "SCHILY.xattr.user.k": "schily", "LIBARCHIVE.xattr.user.k": base64("libarchive") },
        }),
      ),
    },
  ],
  umociDiffers: "umoci reads SCHILY records alone",
  expect: [
    {
      options: { xattrs: "keep-user" },
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/a 1 100644 1 0 0 0 1000.0 - 1 - user.x%y=\\x00\\xff",
        "/usr/b 1 100644 1 0 0 0 1000.0 - 1 - user.k=schily",
      ),
    },
    {
      options: { xattrs: "keep-user", compat: "composefs-rs" },
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/a 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/b 1 100644 1 0 0 0 1000.0 - 1 - user.k=schily",
      ),
    },
  ],
};
