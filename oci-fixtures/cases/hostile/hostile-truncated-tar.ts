import type { FixtureCase } from "../../fixture.ts";
import { directory, file } from "../../tar-builder.ts";

export const hostileTruncatedTar: FixtureCase = {
  name: "hostile-truncated-tar",
  about: "A tar that ends inside of a file.",
  layers: [{ tar: Buffer.concat([directory("usr"), file("usr/a", "x".repeat(2000))]).subarray(0, 2000) }],
  expect: [{ code: "bad-format", message: /ends inside/ }],
};
