import type { FixtureCase } from "../../fixture.ts";
import { directory, symlink, tar } from "../../tar-builder.ts";

export const hostileSymlink4096: FixtureCase = {
  name: "hostile-symlink-4096",
  about: "A symlink target one byte longer than Linux takes.",
  layers: [{ tar: tar(directory("usr"), symlink("usr/a", "cut", { pax: { linkpath: "t".repeat(4096) } })) }],
  expect: [{ code: "unsupported", message: /4096/ }],
};
