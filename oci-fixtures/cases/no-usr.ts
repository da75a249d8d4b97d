import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, tar } from "../tar-builder.ts";

export const noUsr: FixtureCase = {
  name: "no-usr",
  about: "Without /usr the root is root's, 0755, from 1970, whatever the layers say; composefs-rs refuses such images.",
  layers: [{ tar: tar(directory("", { mode: 0o700, uid: 5 }), file("a", "1"), directory("etc")) }],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 0.0 - - -",
        "/a 1 100644 1 0 0 0 1000.0 - 1 -",
        "/etc 0 40755 2 0 0 0 1000.0 - - -",
      ),
    },
    { options: { compat: "composefs-rs" }, code: "unsupported", message: /\/usr/ },
  ],
};
