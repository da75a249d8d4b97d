import type { FixtureCase } from "../../fixture.ts";
import { directory, tar } from "../../tar-builder.ts";

const archive = tar(directory("usr"));

function flipped(): Buffer {
  const copy = Buffer.from(archive);
  copy.writeUInt8(copy.readUInt8(700) ^ 1, 700);
  return copy;
}

export const hostileWrongBlob: FixtureCase = {
  name: "hostile-wrong-blob",
  about: "A blob of the right size with one bit changed.",
  layers: [{ tar: archive, compression: "none", storedBlob: flipped() }],
  expect: [{ code: "digest-mismatch", message: /blob/ }],
};
