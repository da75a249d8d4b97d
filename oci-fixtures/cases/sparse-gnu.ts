import { bytesOfSparse, sparseRuns } from "../contents.ts";
import { dump, type FixtureCase, stored } from "../fixture.ts";
import { directory, header, padded, seal, tar } from "../tar-builder.ts";

const REAL_SIZE = bytesOfSparse.bytes.length;
const runs: readonly (readonly [offset: number, length: number])[] = sparseRuns.map(([offset, text]) => [
  offset,
  text.length,
]);
const runBytes = Buffer.from(sparseRuns.map(([, text]) => text).join(""));

export const sparseGnu: FixtureCase = {
  name: "sparse-gnu",
  about: "A sparse file in GNU tar's old format, type S; composefs-rs refuses it.",
  layers: [{ tar: tar(directory("usr"), oldGnu("usr/old")) }],
  umociDiffers: "umoci refuses type S",
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        `/usr/old ${REAL_SIZE} 100644 1 0 0 0 1000.0 ${stored(bytesOfSparse)}`,
      ),
    },
    { options: { compat: "composefs-rs" }, code: "unsupported", message: /sparse/ },
  ],
};

/** Old GNU format: the map stands in the header, at offset 386. */
function oldGnu(name: string): Buffer {
  const octal = (value: number): string => `${value.toString(8).padStart(11, "0")}\0`;
  const block = header({ name, type: "S", size: runBytes.length, format: "gnu" });
  for (const [index, [offset, length]] of runs.entries()) {
    block.write(octal(offset) + octal(length), 386 + index * 24, "latin1");
  }
  block.write(octal(REAL_SIZE), 483, "latin1");
  return Buffer.concat([seal(block), padded(runBytes)]);
}
