import type { FixtureCase } from "../../fixture.ts";
import { directory, symlink, tar } from "../../tar-builder.ts";

export const hostileEmptySymlink: FixtureCase = {
  name: "hostile-empty-symlink",
  about: "A symlink to nothing.",
  layers: [{ tar: tar(directory("usr"), symlink("usr/a", "")) }],
  expect: [{ code: "unsupported", message: /is empty/ }],
};
