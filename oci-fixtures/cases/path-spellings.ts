import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, hardlink, tar } from "../tar-builder.ts";

export const pathSpellings: FixtureCase = {
  name: "path-spellings",
  about: "The same paths in the spellings that tools use.",
  layers: [
    {
      tar: tar(
        directory(""),
        directory("./usr"),
        file("/usr/absolute", "1"),
        file("./usr/./dotted", "1"),
        file("usr//doubled", "1"),
        hardlink("./usr/link", "./usr//doubled"),
      ),
    },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/absolute 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/dotted 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/doubled 1 100644 2 0 0 0 1000.0 - 1 -",
        "/usr/link 0 @100644 - - - - 0.0 /usr/doubled - -",
      ),
    },
  ],
};
