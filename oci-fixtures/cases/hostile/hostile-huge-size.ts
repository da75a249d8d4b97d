import type { FixtureCase } from "../../fixture.ts";
import { directory, header, tar } from "../../tar-builder.ts";

export const hostileHugeSize: FixtureCase = {
  name: "hostile-huge-size",
  about: "A file that claims 8 PiB and has nothing.",
  layers: [{ tar: tar(directory("usr"), header({ name: "usr/a", type: "0", size: 2 ** 53 - 1 })) }],
  expect: [{ code: "bad-format", message: /ends inside/ }],
};
