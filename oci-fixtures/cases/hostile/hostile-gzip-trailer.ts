import { compressLayer } from "../../compress.ts";
import type { FixtureCase } from "../../fixture.ts";
import { directory, tar } from "../../tar-builder.ts";

const archive = tar(directory("usr"));

function wrongSum(): Buffer {
  const blob = compressLayer(archive, "gzip");
  blob.writeUInt32LE(0, blob.length - 8);
  return blob;
}

export const hostileGzipTrailer: FixtureCase = {
  name: "hostile-gzip-trailer",
  about: "A gzip layer whose checksum is wrong.",
  layers: [{ tar: archive, blob: wrongSum() }],
  expect: [{ code: "bad-format", message: /gzip/ }],
};
