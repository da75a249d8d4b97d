import type { FixtureCase } from "../../fixture.ts";
import { directory, file, tar } from "../../tar-builder.ts";

export const hostileName256: FixtureCase = {
  name: "hostile-name-256",
  about: "A name one byte longer than a file system takes.",
  layers: [{ tar: tar(directory("usr"), file("cut", "1", { pax: { path: `usr/${"n".repeat(256)}` } })) }],
  expect: [{ code: "unsupported", message: /256/ }],
};
