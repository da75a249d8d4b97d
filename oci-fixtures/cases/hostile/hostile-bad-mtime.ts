import type { FixtureCase } from "../../fixture.ts";
import { directory, file, tar } from "../../tar-builder.ts";

export const hostileBadMtime: FixtureCase = {
  name: "hostile-bad-mtime",
  about: "A time that is no number.",
  layers: [{ tar: tar(directory("usr"), file("usr/a", "1", { pax: { mtime: "yesterday" } })) }],
  expect: [{ code: "bad-format", message: /not a time/ }],
};
