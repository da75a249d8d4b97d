import type { FixtureCase } from "../../fixture.ts";
import { directory, header, tar } from "../../tar-builder.ts";

export const hostileNegativeSize: FixtureCase = {
  name: "hostile-negative-size",
  about: "A file that claims less than nothing.",
  layers: [{ tar: tar(directory("usr"), header({ name: "usr/a", type: "0", size: -512 })) }],
  expect: [{ code: "bad-format", message: /negative/ }],
};
