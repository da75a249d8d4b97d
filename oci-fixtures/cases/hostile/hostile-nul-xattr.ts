import type { FixtureCase } from "../../fixture.ts";
import { directory, file, tar } from "../../tar-builder.ts";

export const hostileNulXattr: FixtureCase = {
  name: "hostile-nul-xattr",
  about: "An xattr name with a NUL, which the kernel would cut.",
  layers: [{ tar: tar(directory("usr"), file("usr/a", "1", { xattrs: { "user.a\0b": "1" } })) }],
  expect: [{ code: "bad-format", message: /NUL/ }],
};
