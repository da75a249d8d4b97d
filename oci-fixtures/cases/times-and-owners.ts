import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, tar } from "../tar-builder.ts";

export const timesAndOwners: FixtureCase = {
  name: "times-and-owners",
  about: "Times with a fraction, before 1970 and after 2106, and owners above 65535, in headers and in pax records.",
  layers: [
    {
      tar: tar(
        directory("usr", { pax: { mtime: "1700000000.123456789" } }),
        file("usr/short", "1", { pax: { mtime: "5.25" } }),
        file("usr/long", "1", { pax: { mtime: "5.1234567899999" } }),
        file("usr/late", "1", { mtime: 2 ** 33 }),
        file("usr/whole", "1", { pax: { mtime: "7" } }),
        file("usr/owners", "1", { uid: 65_536, gid: 2 ** 32 - 2 }),
        file("usr/pax-owners", "1", { uid: 1, pax: { uid: "65536", gid: "4294967294" } }),
        file("usr/names", "1", { pax: { uname: "nobody", gname: "nogroup", atime: "9", ctime: "9" } }),
      ),
    },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1700000000.123456789 - - -",
        "/usr 0 40755 2 0 0 0 1700000000.123456789 - - -",
        "/usr/late 1 100644 1 0 0 0 8589934592.0 - 1 -",
        "/usr/long 1 100644 1 0 0 0 5.123456789 - 1 -",
        "/usr/names 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/owners 1 100644 1 65536 4294967294 0 1000.0 - 1 -",
        "/usr/pax-owners 1 100644 1 65536 4294967294 0 1000.0 - 1 -",
        "/usr/short 1 100644 1 0 0 0 5.250000000 - 1 -",
        "/usr/whole 1 100644 1 0 0 0 7.0 - 1 -",
      ),
    },
  ],
};
