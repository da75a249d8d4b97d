import type { FixtureCase } from "../../fixture.ts";
import { directory, tar } from "../../tar-builder.ts";

export const hostileLayerType: FixtureCase = {
  name: "hostile-layer-type",
  about: "A layer that is no tar.",
  layers: [{ tar: tar(directory("usr")), mediaType: "application/vnd.example.squashfs" }],
  expect: [{ code: "unsupported", message: /layer type/ }],
};
