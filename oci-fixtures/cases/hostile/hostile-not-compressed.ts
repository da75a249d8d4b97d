import type { FixtureCase } from "../../fixture.ts";
import { directory, tar } from "../../tar-builder.ts";

const archive = tar(directory("usr"));

export const hostileNotCompressed: FixtureCase = {
  name: "hostile-not-compressed",
  about: "A plain tar that says it is gzip.",
  layers: [{ tar: archive, blob: archive }],
  expect: [{ code: "bad-format", message: /gzip/ }],
};
