// Images back to trees: round trips, and images that nobody should trust.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Oci2cfsError } from "../../../src/errors.ts";
import { formatDump, parseDump } from "../../../src/format/dump.ts";
import { readErofs } from "../../../src/format/erofs/read.ts";
import { writeErofs } from "../../../src/format/erofs/write.ts";
import { verityDigest } from "../../../src/format/verity.ts";
import { randomTree } from "../../support/random-tree.ts";

const vectors = path.join(import.meta.dirname, "../../vectors");
const corpus = path.join(import.meta.dirname, "../../../../shared/corpora/composefs-dumps/fuzz");

const versions = { minVersion: 0, maxVersion: 1 } as const;
const dumps = readdirSync(path.join(vectors, "dump")).filter((name) => name.endsWith(".dump"));
const readDump = (name: string): ReturnType<typeof parseDump> =>
  parseDump(readFileSync(path.join(vectors, "dump", name)));
const textOf = (tree: ReturnType<typeof parseDump>): string => Buffer.concat([...formatDump(tree)]).toString("latin1");

/** Their hard links stand before the file that owns the inode: the reader gives it to the first name. */
const otherOwners = ["hardlink-basic.dump", "hardlink-forward-deep.dump", "hardlink-special.dump"];

describe("an image", () => {
  it.each(dumps.filter((name) => !otherOwners.includes(name)))("of %s is written again byte for byte", (name) => {
    const image = writeErofs(readDump(name), versions);
    expect(writeErofs(readErofs(image), versions).equals(image)).toBe(true);
  });

  it.each(otherOwners)("of %s keeps its text", (name) => {
    const once = textOf(readErofs(writeErofs(readDump(name), versions)));
    expect(textOf(readErofs(writeErofs(parseDump(Buffer.from(once, "latin1")), versions)))).toBe(once);
  });

  it("of any tree is written again byte for byte", () => {
    fc.assert(
      fc.property(randomTree, fc.constantFrom<0 | 1>(0, 1), (tree, minVersion) => {
        const image = writeErofs(tree, { minVersion, maxVersion: 1 });
        expect(writeErofs(readErofs(image), { minVersion, maxVersion: 1 }).equals(image)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("with sha512 digests keeps them", () => {
    const digest = "ab".repeat(64);
    const line = `/f 100 100644 1 0 0 0 1.0 ab/${digest.slice(2)} - ${digest}`;
    const tree = readErofs(writeErofs(parseDump(Buffer.from(`/ 0 40755 2 0 0 0 1.0 - - -\n${line}\n`)), versions));
    expect(textOf(tree)).toContain(line);
  });

  it("of ostree is read: objects named .file, no inline content", () => {
    const dump = parseDump(readFileSync(path.join(vectors, "ostree/simple.equivalent.dump")));
    const image = writeErofs(dump, versions);
    expect(verityDigest(image, "sha256")).toBe(readFileSync(path.join(vectors, "ostree/simple.digest"), "utf8").trim());
    const text = textOf(readErofs(image));
    expect(text).toMatch(/ [0-9a-f]{2}\/[0-9a-f]{62}\.file - [0-9a-f]{64}/);
    expect(writeErofs(parseDump(Buffer.from(text, "latin1")), versions).equals(image)).toBe(true);
  });
});

describe("a hostile image", () => {
  const image = writeErofs(readDump("whiteout-existing-xattrs.dump"), versions);

  const attempt = (bytes: Buffer): void => {
    try {
      readErofs(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(Oci2cfsError);
      expect((error as Oci2cfsError).message).toMatch(/^erofs: /);
    }
  };

  it("cut anywhere", () => {
    for (let at = 0; at < image.length; at += at < 2048 ? 1 : 97) attempt(image.subarray(0, at));
  });

  it("with any bytes changed", () => {
    const change = fc.tuple(fc.oneof(fc.nat(image.length - 1), fc.integer({ min: 1024, max: 4000 })), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = Buffer.from(image);
        for (const [at, byte] of changes) bytes[at] = byte;
        attempt(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it("whose directory contains itself", () => {
    const bytes = writeErofs(
      parseDump(Buffer.from("/ 0 40755 2 0 0 0 1.0 - - -\n/zz 0 40755 2 0 0 0 1.0 - - -\n")),
      versions,
    );
    const rootNid = bytes.readUInt16LE(1024 + 14);
    // The entry for /zz leads to the root.
    const at = bytes.lastIndexOf("zz");
    const block = Math.floor(at / 4096) * 4096;
    const count = bytes.readUInt16LE(block + 8) / 12;
    bytes.writeUInt32LE(rootNid, block + (count - 1) * 12);
    expect(() => readErofs(bytes)).toThrow(/^erofs: inode \d+: a directory with two names$/);
  });

  it("whose inodes claim more data than there is", () => {
    const bytes = Buffer.from(image);
    const root = bytes.readUInt16LE(1024 + 14) * 32;
    bytes.writeUInt32LE(0x7fffffff, root + 8);
    expect(() => readErofs(bytes)).toThrow(/more than the image holds/);
  });

  it.each([
    ["nothing", Buffer.alloc(0)],
    ["zeros", Buffer.alloc(8192)],
    ["another EROFS", Buffer.concat([Buffer.alloc(1024), image.subarray(1024)])],
  ])("of %s is no composefs image", (_, bytes) => {
    expect(() => readErofs(bytes)).toThrow(expect.objectContaining({ code: "bad-format" }));
  });

  it.skipIf(!existsSync(corpus))("of the public fuzzing corpus (skipped without the corpora)", () => {
    for (const name of readdirSync(corpus)) attempt(readFileSync(path.join(corpus, name)));
  });
});
