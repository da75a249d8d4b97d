import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, tar } from "../tar-builder.ts";

export const emptyLayers: FixtureCase = {
  name: "empty-layers",
  about: "Layers without entries around the only one that has some, and the same layer twice.",
  layers: [
    { tar: tar() },
    { tar: tar(directory("usr"), file("usr/a", "1")) },
    // Two end blocks and more filling, as tars with a record size of 10 KiB have.
    { tar: Buffer.alloc(10_240) },
    { tar: tar(), compression: "none" },
    { tar: tar(), compression: "zstd" },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/a 1 100644 1 0 0 0 1000.0 - 1 -",
      ),
    },
  ],
};
