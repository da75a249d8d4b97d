import type { FixtureCase } from "../../fixture.ts";
import { directory, file, tar } from "../../tar-builder.ts";

export const hostileXattr65537: FixtureCase = {
  name: "hostile-xattr-65537",
  about: "An xattr value one byte longer than Linux takes.",
  layers: [{ tar: tar(directory("usr"), file("usr/a", "1", { xattrs: { "user.k": "v".repeat(65_537) } })) }],
  expect: [{ code: "bad-format", message: /65537/ }],
};
