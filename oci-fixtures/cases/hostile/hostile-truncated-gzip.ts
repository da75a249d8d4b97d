import { compressLayer } from "../../compress.ts";
import type { FixtureCase } from "../../fixture.ts";
import { directory, tar } from "../../tar-builder.ts";

const archive = tar(directory("usr"));

export const hostileTruncatedGzip: FixtureCase = {
  name: "hostile-truncated-gzip",
  about: "A gzip layer that ends early, with a digest that agrees.",
  layers: [{ tar: archive, blob: compressLayer(archive, "gzip").subarray(0, -12) }],
  expect: [{ code: "bad-format", message: /gzip/ }],
};
