import { bytes4097 } from "../contents.ts";
import { dump, type FixtureCase, type FixtureLayer, stored } from "../fixture.ts";
import { directory, file, tar } from "../tar-builder.ts";

const ways = ["none", "gzip", "gzip-members", "zstd", "zstd-frames", "zstd:chunked"] as const;

export const compressions: FixtureCase = {
  name: "compressions",
  about:
    "A layer in each compression: plain, gzip of one and several members, zstd of one and several frames, zstd:chunked.",
  layers: ways.map(
    (compression, index): FixtureLayer => ({
      tar: tar(directory("usr", { mtime: index }), file(`usr/${index}`, bytes4097.bytes)),
      compression,
    }),
  ),
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 5.0 - - -",
        "/usr 0 40755 2 0 0 0 5.0 - - -",
        ...ways.map((_, index) => `/usr/${index} 4097 100644 1 0 0 0 1000.0 ${stored(bytes4097)}`),
      ),
    },
  ],
};
