import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, symlink, tar } from "../tar-builder.ts";

/** UTF-8 bytes as a string of bytes. */
const utf8 = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

export const byteNames: FixtureCase = {
  name: "byte-names",
  about: "Names and targets that are not UTF-8 or hard to print, in the order of their bytes.",
  layers: [
    {
      tar: tar(
        directory("usr"),
        file("usr/\xff\xfe", "1"),
        file(`usr/${utf8("ü")}`, "1"),
        file(`usr/${utf8("😀")}`, "1"),
        file("usr/\xe9", "1", { pax: { path: "usr/latin-\xe9" } }),
        file("usr/a b", "1"),
        file("usr/new\nline", "1"),
        file("usr/back\\slash", "1"),
        file("usr/-", "1"),
        file("usr/...", "1"),
        symlink("usr/link", "\xe9\x01\t"),
        symlink("usr/dash", "-"),
      ),
    },
  ],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/- 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/... 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/a\\x20b 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/back\\\\slash 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/dash 1 120777 1 0 0 0 1000.0 \\x2d - -",
        "/usr/latin-\\xe9 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/link 3 120777 1 0 0 0 1000.0 \\xe9\\x01\\t - -",
        "/usr/new\\nline 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/\\xc3\\xbc 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/\\xf0\\x9f\\x98\\x80 1 100644 1 0 0 0 1000.0 - 1 -",
        "/usr/\\xff\\xfe 1 100644 1 0 0 0 1000.0 - 1 -",
      ),
    },
  ],
};
