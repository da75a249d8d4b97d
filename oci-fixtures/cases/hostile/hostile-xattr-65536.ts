import type { FixtureCase } from "../../fixture.ts";
import { directory, file, tar } from "../../tar-builder.ts";

export const hostileXattr65536: FixtureCase = {
  name: "hostile-xattr-65536",
  about: "An xattr value one byte longer than the format takes.",
  layers: [{ tar: tar(directory("usr"), file("usr/a", "1", { xattrs: { "user.k": "v".repeat(65_536) } })) }],
  expect: [{ code: "bad-format", message: /65536/ }],
};
