import type { FixtureCase } from "../../fixture.ts";
import { directory, file, symlink, tar } from "../../tar-builder.ts";

export const hostileSymlinkLoop: FixtureCase = {
  name: "hostile-symlink-loop",
  about: "An entry below two symlinks that point at each other.",
  layers: [{ tar: tar(directory("usr"), symlink("usr/a", "b"), symlink("usr/b", "a"), file("usr/a/c", "1")) }],
  expect: [{ code: "bad-format", message: /too many symlinks/ }],
};
