import type { FixtureCase } from "../../fixture.ts";
import { directory, file, tar } from "../../tar-builder.ts";

export const hostileLoneZeroBlock: FixtureCase = {
  name: "hostile-lone-zero-block",
  about: "A block of zeros between entries: GNU tar stops there, other tools go on.",
  layers: [{ tar: tar(directory("usr"), Buffer.alloc(512), file("usr/hidden", "1")) }],
  expect: [{ code: "bad-format", message: /lone block of zeros/ }],
};
