import { bytes65, bytes4095, bytes4096, bytes4097, bytes262145 } from "../contents.ts";
import { dump, type FixtureCase, stored } from "../fixture.ts";
import { directory, file, tar } from "../tar-builder.ts";

const text64 = "0123456789abcdef".repeat(4);

export const fileSizes: FixtureCase = {
  name: "file-sizes",
  about: "Files on both sides of 64 bytes, the most that lies inside the image, and of a 4 KiB block.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        file("usr/0"),
        file("usr/1", "x"),
        file("usr/64", text64),
        file("usr/65", bytes65.bytes),
        file("usr/4095", bytes4095.bytes),
        file("usr/4096", bytes4096.bytes),
        file("usr/4097", bytes4097.bytes),
        file("usr/262145", bytes262145.bytes),
        file("usr/same", bytes4096.bytes),
      ),
    },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/0 0 100644 1 0 0 0 1000.0 - - -",
        "/usr/1 1 100644 1 0 0 0 1000.0 - x -",
        `/usr/262145 262145 100644 1 0 0 0 1000.0 ${stored(bytes262145)}`,
        `/usr/4095 4095 100644 1 0 0 0 1000.0 ${stored(bytes4095)}`,
        `/usr/4096 4096 100644 1 0 0 0 1000.0 ${stored(bytes4096)}`,
        `/usr/4097 4097 100644 1 0 0 0 1000.0 ${stored(bytes4097)}`,
        `/usr/64 64 100644 1 0 0 0 1000.0 - ${text64} -`,
        `/usr/65 65 100644 1 0 0 0 1000.0 ${stored(bytes65)}`,
        `/usr/same 4096 100644 1 0 0 0 1000.0 ${stored(bytes4096)}`,
      ),
    },
  ],
};
