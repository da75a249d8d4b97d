import { compressLayer } from "../../compress.ts";
import type { FixtureCase } from "../../fixture.ts";
import { directory, tar } from "../../tar-builder.ts";

const archive = tar(directory("usr"));

export const hostileTruncatedZstd: FixtureCase = {
  name: "hostile-truncated-zstd",
  about: "A zstd layer that ends inside of a frame, with a digest that agrees.",
  layers: [{ tar: archive, compression: "zstd", blob: compressLayer(archive, "zstd").subarray(0, -3) }],
  expect: [{ code: "bad-format", message: /zstd/ }],
};
