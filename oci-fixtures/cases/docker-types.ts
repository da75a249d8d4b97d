import { dump, type FixtureCase, type FixtureLayer } from "../fixture.ts";
import { directory, file, tar } from "../tar-builder.ts";

export const dockerTypes: FixtureCase = {
  name: "docker-types",
  about: "Docker's media types for manifest, config and layers.",
  docker: true,
  layers: (["none", "gzip", "zstd"] as const).map(
    (compression): FixtureLayer => ({ tar: tar(directory("usr"), file(`usr/${compression}`, "1")), compression }),
  ),
  umociDiffers: "umoci takes OCI media types alone",
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/gzip 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/none 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/zstd 1 100644 1 0 0 0 1000.0 - 1 -",
      ),
    },
  ],
};
