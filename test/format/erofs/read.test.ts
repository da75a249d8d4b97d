// Images back to trees: round trips, and images that nobody should trust.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Oci2cfsError } from "../../../src/errors.ts";
import type { ByteString } from "../../../src/format/bytes.ts";
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

describe("marks of overlayfs that a user set", () => {
  const kinds: [string, string][] = [
    ["a file with inline content", "3 100644 1 0 0 0 1.0 - abc -"],
    ["a file with an object", `100 100644 1 0 0 0 1.0 ab/cd - ${"ab".repeat(32)}`],
    ["a symlink", "1 120777 1 0 0 0 1.0 x - -"],
    ["a device", "0 20644 1 0 0 5 1.0 - - -"],
    ["a fifo", "0 10644 1 0 0 0 1.0 - - -"],
    ["a directory", "27 40755 2 0 0 0 1.0 - - -"],
  ];

  it.each(kinds)("do not make a whiteout of %s", (_, fields) => {
    const line = `/p/f ${fields} trusted.overlay.whiteout=y`;
    const dump = `/ 0 40755 3 0 0 0 1.0 - - -\n/p 0 40755 2 0 0 0 1.0 - - -\n${line}\n`;
    const image = writeErofs(parseDump(Buffer.from(dump)), versions);
    const tree = readErofs(image);
    expect(textOf(tree)).toContain(`${line}\n`);
    expect(writeErofs(tree, versions).equals(image)).toBe(true);
  });

  it("make one of an empty file, as composefs-info has it", () => {
    const dump = "/ 0 40755 3 0 0 0 1.0 - - -\n/f 0 100644 1 0 0 0 1.0 - - - trusted.overlay.whiteout=y\n";
    expect(textOf(readErofs(writeErofs(parseDump(Buffer.from(dump)), versions)))).toContain("\n/f 0 20644 1 0 0 0 1.0");
  });
});

describe("the version", () => {
  const withVersion = (version: number): Buffer => {
    const image = writeErofs(
      parseDump(Buffer.from("/ 0 40755 2 0 0 0 1.0 - - - trusted.overlay.whiteouts=y\n")),
      versions,
    );
    image.writeUInt32LE(version, 12);
    return image;
  };

  it.each([0, 1])("%d has stubs, which are no part of the tree", (version) => {
    const { children, xattrs } = readErofs(withVersion(version));
    expect([children.size, xattrs.size]).toEqual([0, 0]);
  });

  it("2, composefs-rs' own, has neither stubs nor whiteouts in disguise", () => {
    const { children, xattrs } = readErofs(withVersion(2));
    expect(children.size).toBe(256);
    expect(children.get("a7" as ByteString)).toMatchObject({ kind: "character", rdev: 0 });
    expect(xattrs.get("trusted.overlay.whiteouts" as ByteString)).toBe("y");
  });

  it("3 is not known", () => {
    expect(() => readErofs(withVersion(3))).toThrow(
      expect.objectContaining({ code: "unsupported", message: "erofs: byte 12: composefs version 3" }),
    );
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

  it("whose inodes share the bytes of their xattrs", () => {
    const names = Array.from({ length: 1000 }, (_, index) => `/d/${index} 0 100000 1 0 0 0 1.0 - - -\n`);
    const dump = `/ 0 40755 3 0 0 0 1.0 - - -\n/d 0 40755 2 0 0 0 1.0 - - -\n${names.join("")}`;
    const bytes = Buffer.concat([writeErofs(parseDump(Buffer.from(dump)), versions), Buffer.alloc(256 * 1024)]);
    let count = 0;
    for (let at = 1152; at < bytes.length; at += 32) {
      if (bytes.readUInt32LE(at) !== 0 || bytes.readUInt16LE(at + 4) !== 0o100000) continue;
      // 240 KB of xattrs: one entry that reaches over all inodes into the zeros, and 40,000 without name and value.
      bytes.fill(0, at + 6, at + 32).writeUInt16LE(60_000, at + 2);
      count++;
    }
    expect(count).toBe(1000);
    expect(() => readErofs(bytes)).toThrow(
      /^erofs: inode \d+: xattr block of 240008 bytes is more than the image holds$/,
    );
  });

  it("whose shared xattrs share their bytes", () => {
    const dump = `/ 0 40755 2 0 0 0 1.0 - - -\n/f 0 100644 1 0 0 0 1.0 - - - user.a=${"v".repeat(2000)}\n`;
    const sound = writeErofs(parseDump(Buffer.from(dump)), versions);
    // Each entry is without a name and has a value of 65,532 bytes, and each next one begins in its value.
    const region = Buffer.alloc(128 * 1024, Buffer.from([0, 0, 0xfc, 0xff]));
    const bytes = Buffer.concat([sound, region]);
    const block = sound.indexOf("avvvv") - 4 - 12;
    bytes.fill(0, block + 4, block + 12 + 4 + 1 + 2000);
    bytes[block + 4] = 255;
    const first = (sound.length - bytes.readUInt32LE(1024 + 44) * 4096) / 4;
    for (let index = 0; index < 255; index++) bytes.writeUInt32LE(first + index, block + 12 + 4 * index);
    expect(() => readErofs(bytes)).toThrow(/^erofs: shared xattr \d+ of 65536 bytes is more than the image holds$/);
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
