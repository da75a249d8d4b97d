import type { FixtureCase } from "../../fixture.ts";
import { directory, tar } from "../../tar-builder.ts";

export const hostileEncryptedLayer: FixtureCase = {
  name: "hostile-encrypted-layer",
  about: "An encrypted layer.",
  layers: [{ tar: tar(directory("usr")), mediaType: "application/vnd.oci.image.layer.v1.tar+gzip+encrypted" }],
  expect: [{ code: "unsupported", message: /encrypted/ }],
};
