import type { FixtureCase } from "../../fixture.ts";
import { directory, header, tar } from "../../tar-builder.ts";

export const hostileHugeExtension: FixtureCase = {
  name: "hostile-huge-extension",
  about: "A pax header that claims 2 GiB: it would have to be held in memory.",
  layers: [{ tar: tar(directory("usr"), header({ name: "pax", type: "x", size: 2 ** 31 })) }],
  expect: [{ code: "unsupported", message: /extension header/ }],
};
