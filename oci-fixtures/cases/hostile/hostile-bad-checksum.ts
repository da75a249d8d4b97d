import type { FixtureCase } from "../../fixture.ts";
import { directory, file, tar } from "../../tar-builder.ts";

function damage(entry: Buffer): Buffer {
  entry.write("B", 0);
  return entry;
}

export const hostileBadChecksum: FixtureCase = {
  name: "hostile-bad-checksum",
  about: "A header whose checksum does not fit.",
  layers: [{ tar: tar(directory("usr"), damage(file("usr/a", "1"))) }],
  expect: [{ code: "bad-format", message: /checksum/ }],
};
