// composefs-dump(5): what mkcomposefs takes and refuses, and the canonical form.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Oci2cfsError } from "../../src/errors.ts";
import { formatDump, parseDump } from "../../src/format/dump.ts";
import { writeErofs } from "../../src/format/erofs/write.ts";
import { verityDigest } from "../../src/format/verity.ts";
import { randomTree } from "../support/random-tree.ts";

const vectors = path.join(import.meta.dirname, "../vectors");
const corpus = path.join(import.meta.dirname, "../../../shared/corpora/composefs-dumps");

const root = "/ 0 40755 2 0 0 0 1.0 - - -";
const parse = (...lines: string[]): ReturnType<typeof parseDump> =>
  parseDump(Buffer.from(`${lines.join("\n")}\n`, "latin1"));
const textOf = (tree: ReturnType<typeof parseDump>): string => Buffer.concat([...formatDump(tree)]).toString("latin1");

describe("refused dumps", () => {
  const names = readdirSync(path.join(vectors, "dump/reject"));

  it("has all of them", () => expect(names).toHaveLength(28));

  it.each(names)("%s, with the line number", (name) => {
    const text = readFileSync(path.join(vectors, "dump/reject", name));
    expect(() => parseDump(text)).toThrow(
      expect.objectContaining({ code: "bad-format", message: expect.stringMatching(/^dump: line \d+: ./) }),
    );
  });

  it.each([
    ["a missing payload", [root, "/f 1 100644 1 0 0 0 1.0"], 2],
    ["two spaces", [root, "/f 1  100644 1 0 0 0 1.0 - x -"], 2],
    ["a bad gid", [root, "/f 0 100644 1 1 x 0 1.0 - - -"], 2],
    ["a bad rdev", [root, "/f 0 100644 1 1 0 1x 1.0 - - -"], 2],
    ["a digest with a letter", [root, `/f 9 100644 1 0 0 0 1.0 - - ${"g".repeat(64)}`], 2],
    ["a raw NUL", [root, "/f\0 0 100644 1 0 0 0 1.0 - - -"], 2],
    ["a hard link to a directory", [root, "/d 0 40755 2 0 0 0 1.0 - - -", "/l 0 @100644 1 0 0 0 1.0 /d - -"], 3],
    ["links in a circle", [root, "/a 0 @100644 1 0 0 0 1.0 /b - -", "/b 0 @100644 1 0 0 0 1.0 /a - -"], 2],
  ])("%s", (_, lines, line) => {
    expect(() => parse(...lines)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(`^dump: line ${line}: `) }),
    );
  });
});

describe("accepted dumps", () => {
  it("takes a missing last newline, a trailing space, and missing content and digest", () => {
    expect(textOf(parseDump(Buffer.from(`${root}\n/f 0 100644 1 0 0 0 1.0 - - - `)))).toContain("/f 0 100644");
    expect(textOf(parse(root, "/f 0 100644 1 0 0 0 1.0 -"))).toContain("/f 0 100644");
  });

  it("takes links to what comes later, through other links, and long chains of them", () => {
    const count = 20_000;
    const links = Array.from({ length: count }, (_, index) => `/l${index} 0 @100644 - - - - 0.0 /l${index + 1} - -`);
    const tree = parse(root, ...links, `/l${count} 5 100644 1 0 0 0 1.0 - hello -`);
    expect(textOf(tree).split("\n")).toHaveLength(count + 3);
  });

  it("wraps numbers as C does", () => {
    const tree = parse(root, "/f 0 100644 -1 4294967296 +5 0 -7.4294967297 - - -");
    expect(textOf(tree)).toContain("/f 0 100644 4294967295 0 5 0 -7.1 - - -");
  });
});

describe("the canonical form", () => {
  it("escapes what is not printable, and a dash that is alone", () => {
    const tree = parse(root, "/a\\x20b\\\\ 1 100644 1 0 0 0 1.0 - \\x2d - user.k\\x3d=\\x00\\n=\\x7f");
    expect(textOf(tree)).toContain("/a\\x20b\\\\ 1 100644 1 0 0 0 1.0 - \\x2d - user.k\\x3d=\\x00\\n\\x3d\\x7f\n");
  });

  it("repeats an inode's fields for its further names", () => {
    const tree = parse(root, "/b 0 @100644 - - - - 0.0 /a - -", "/a 5 100644 2 0 0 0 1.0 - hello -");
    expect(textOf(tree)).toContain("/a 5 100644 2 0 0 0 1.0 - hello -\n/b 5 @100644 2 0 0 0 1.0 /a hello -\n");
  });

  it("is read back to the same tree", () => {
    fc.assert(
      fc.property(randomTree, (tree) => {
        const text = textOf(tree);
        const again = parseDump(Buffer.from(text, "latin1"));
        expect(textOf(again)).toBe(text);
        const versions = { minVersion: 0, maxVersion: 1 } as const;
        expect(writeErofs(again, versions).equals(writeErofs(tree, versions))).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe("dumps of directories", () => {
  const rows = readFileSync(path.join(vectors, "dir/index.tsv"), "utf8")
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split("\t"));

  it.each(rows.filter(([, args]) => args === "-" || args === "--min-version=1"))(
    "%s %s have mkcomposefs's digest",
    (name, args, _, digest) => {
      const tree = parseDump(readFileSync(path.join(vectors, `dir/${name}.equivalent.dump`)));
      const versions =
        args === "-" ? ({ minVersion: 0, maxVersion: 1 } as const) : ({ minVersion: 1, maxVersion: 1 } as const);
      expect(verityDigest(writeErofs(tree, versions), "sha256")).toBe(digest);
    },
  );
});

describe("hostile dumps", () => {
  const sample = readFileSync(path.join(vectors, "dump/whiteout-existing-xattrs.dump"));

  const attempt = (text: Buffer): void => {
    try {
      parseDump(text);
    } catch (error) {
      expect(error).toBeInstanceOf(Oci2cfsError);
      expect(error).toMatchObject({ code: "bad-format" });
    }
  };

  it("cut at every byte", () => {
    for (let at = 0; at < sample.length; at++) attempt(sample.subarray(0, at));
  });

  it("with any byte changed", () => {
    fc.assert(
      fc.property(fc.nat(sample.length - 1), fc.nat(255), (at, byte) => {
        const text = Buffer.from(sample);
        text[at] = byte;
        attempt(text);
      }),
      { numRuns: 500 },
    );
  });

  it("of any bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => attempt(Buffer.from(bytes))));
  });

  it.skipIf(!existsSync(corpus))("of the public fuzzing corpus (skipped without the corpora)", () => {
    for (const name of readdirSync(path.join(corpus, "fuzz"))) attempt(readFileSync(path.join(corpus, "fuzz", name)));
    for (const name of readdirSync(corpus).filter((file) => file.startsWith("should-fail-"))) {
      expect(() => parseDump(readFileSync(path.join(corpus, name))), name).toThrow(/^dump: line \d+: /);
    }
  });
});
