import { dump, type FixtureCase } from "../fixture.ts";
import { directory, header, padded, tar } from "../tar-builder.ts";

export const oldTypes: FixtureCase = {
  name: "old-types",
  about: "Files of type NUL, as before POSIX, and of type 7, contiguous.",
  layers: [{ tar: tar(directory("usr"), typed("usr/nul", "\0"), typed("usr/contiguous", "7")) }],
  umociDiffers: "umoci refuses type 7",
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/contiguous 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/nul 1 100644 1 0 0 0 1000.0 - 1 -",
      ),
    },
  ],
};

function typed(name: string, type: string): Buffer {
  return Buffer.concat([header({ name, type, size: 1 }), padded(Buffer.from("1"))]);
}
