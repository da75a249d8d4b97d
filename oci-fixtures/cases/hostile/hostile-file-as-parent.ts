import type { FixtureCase } from "../../fixture.ts";
import { directory, file, tar } from "../../tar-builder.ts";

export const hostileFileAsParent: FixtureCase = {
  name: "hostile-file-as-parent",
  about: "An entry below a regular file.",
  layers: [{ tar: tar(directory("usr"), file("usr/a", "1"), file("usr/a/b", "1")) }],
  expect: [{ code: "bad-format", message: /is a regular/ }],
};
