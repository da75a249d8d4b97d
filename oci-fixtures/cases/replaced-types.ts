import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, symlink, tar } from "../tar-builder.ts";

export const replacedTypes: FixtureCase = {
  name: "replaced-types",
  about: "A later entry of another type replaces the earlier one; a directory over a directory keeps what is in it.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        directory("usr/to-file"),
        file("usr/to-file/inside", "1"),
        file("usr/to-dir", "1"),
        symlink("usr/link-to-dir", "to-file"),
        directory("usr/to-link"),
        file("usr/to-link/inside", "1"),
        directory("usr/stays", { uid: 5, xattrs: { "user.old": "1" } }),
        file("usr/stays/inside", "1"),
      ),
    },
    {
      tar: tar(
        file("usr/to-file", "2"),
        directory("usr/to-dir", { mtime: 2000 }),
        directory("usr/link-to-dir", { mtime: 2000 }),
        symlink("usr/to-link", "stays"),
        directory("usr/stays", { mode: 0o711, xattrs: { "user.new": "2" } }),
      ),
    },
  ],
  expect: [
    {
      options: { xattrs: "all" },
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/link-to-dir 0 40755 2 0 0 0 2000.0 - - -",
        "/usr/stays 0 40711 2 0 0 0 1000.0 - - - user.new=2",
        "/usr/stays/inside 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/to-dir 0 40755 2 0 0 0 2000.0 - - -",
        "/usr/to-file 1 100644 1 0 0 0 1000.0 - 2 -",
        "/usr/to-link 5 120777 1 0 0 0 1000.0 stays - -",
      ),
    },
  ],
};
