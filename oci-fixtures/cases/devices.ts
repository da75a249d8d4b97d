import { dump, type FixtureCase } from "../fixture.ts";
import { device, directory, tar } from "../tar-builder.ts";

export const devices: FixtureCase = {
  name: "devices",
  about: "Device numbers up to the kernel's limits: 12 bits of major, 20 bits of minor.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        device("usr/c255", "character", { devMajor: 10, devMinor: 255 }),
        device("usr/c256", "character", { devMajor: 10, devMinor: 256 }),
        device("usr/b", "block", { mode: 0o640, gid: 6, devMajor: 4095, devMinor: 1_048_575 }),
        device("usr/b0", "block", { devMajor: 0, devMinor: 0 }),
      ),
    },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/b 0 60640 1 0 6 4294967295 1000.0 - - -",
        "/usr/b0 0 60644 1 0 0 0 1000.0 - - -",
        "/usr/c255 0 20644 1 0 0 2815 1000.0 - - -",
        "/usr/c256 0 20644 1 0 0 1051136 1000.0 - - -",
      ),
    },
  ],
};
