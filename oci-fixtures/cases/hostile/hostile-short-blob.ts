import type { FixtureCase } from "../../fixture.ts";
import { directory, tar } from "../../tar-builder.ts";

const archive = tar(directory("usr"));

export const hostileShortBlob: FixtureCase = {
  name: "hostile-short-blob",
  about: "A blob that is shorter than its descriptor says.",
  layers: [{ tar: archive, compression: "none", storedBlob: archive.subarray(0, 600) }],
  expect: [{ code: "digest-mismatch", message: /bytes/ }],
};
