import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, tar, whiteout } from "../tar-builder.ts";

/** Enough names for several directory blocks. */
const numbers: readonly string[] = Array.from({ length: 500 }, (_, index) => `file-number-${index + 1000}`);

export const wideDirectory: FixtureCase = {
  name: "wide-directory",
  about:
    "A directory of several blocks, filled in the wrong order, with every fifth name taken away by the next layer.",
  layers: [
    { tar: tar(directory("usr"), ...numbers.toReversed().map((name) => file(`usr/${name}`))) },
    {
      tar: tar(
        directory("usr"),
        ...numbers.filter((_, index) => index % 5 === 0).map((name) => whiteout(`usr/${name}`)),
      ),
    },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        ...numbers.filter((_, index) => index % 5 !== 0).map((name) => `/usr/${name} 0 100644 1 0 0 0 1000.0 - - -`),
      ),
    },
  ],
};
