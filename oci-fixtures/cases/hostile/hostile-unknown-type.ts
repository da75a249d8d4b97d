import type { FixtureCase } from "../../fixture.ts";
import { directory, header, tar } from "../../tar-builder.ts";

export const hostileUnknownType: FixtureCase = {
  name: "hostile-unknown-type",
  about: "An entry of a type that nobody knows, which podman refuses as well.",
  layers: [{ tar: tar(directory("usr"), header({ name: "usr/a", type: "Z" })) }],
  expect: [{ code: "unsupported", message: /type 'Z'/ }],
};
