import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, hardlink, tar } from "../tar-builder.ts";

export const rootAndRun: FixtureCase = {
  name: "root-and-run",
  about: "The root takes all metadata of /usr, and /run is emptied and takes its time, but keeps its mode and owner.",
  layers: [
    {
      tar: tar(
        directory("", { mode: 0o700, uid: 5, xattrs: { "user.root": "1" } }),
        directory("usr", { mode: 0o751, uid: 3, gid: 4, pax: { mtime: "2000.5" }, xattrs: { "user.usr": "1" } }),
        file("usr/inside", "1"),
        directory("run", { mode: 0o1777, uid: 8, mtime: 3000, xattrs: { "user.run": "1" } }),
        file("run/lock", "1"),
        hardlink("run/inside", "usr/inside"),
      ),
    },
  ],
  expect: [
    {
      options: { xattrs: "keep-user" },
      dump: dump(
        "/ 0 40751 2 3 4 0 2000.500000000 - - - user.usr=1",
        "/run 0 41777 2 8 0 0 2000.500000000 - - - user.run=1",
        "/usr 0 40751 2 3 4 0 2000.500000000 - - - user.usr=1",
        "/usr/inside 1 100644 1 0 0 0 1000.0 - 1 -",
      ),
    },
  ],
};
