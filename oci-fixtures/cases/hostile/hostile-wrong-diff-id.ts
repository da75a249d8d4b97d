import type { FixtureCase } from "../../fixture.ts";
import { directory, tar } from "../../tar-builder.ts";

export const hostileWrongDiffId: FixtureCase = {
  name: "hostile-wrong-diff-id",
  about: "A tar that is not the one of the config.",
  layers: [{ tar: tar(directory("usr")), diffId: `sha256:${"0".repeat(64)}` }],
  expect: [{ code: "digest-mismatch", message: /diffID/ }],
};
