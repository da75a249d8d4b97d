// The EROFS writer against images of mkcomposefs 1.0.8, composefs-rs and ostree (test/vectors), byte for byte, and its
// limits, since trees also come from images that nobody has checked.

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Oci2cfsError } from "../../../src/errors.ts";
import { type ByteString, bytesOf, compareBytes } from "../../../src/format/bytes.ts";
import type { HashAlgorithm, VerityDigest } from "../../../src/format/digest.ts";
import { parseDump } from "../../../src/format/dump.ts";
import { type ErofsOptions, writeErofs } from "../../../src/format/erofs/write.ts";
import { xxh32 } from "../../../src/format/erofs/xxh32.ts";
import type { Device, Directory, Leaf, Node, Regular, Symlink, Xattrs } from "../../../src/format/node.ts";
import { verityDigest } from "../../../src/format/verity.ts";

const vectors = path.join(import.meta.dirname, "../../vectors");
const corpus = path.join(import.meta.dirname, "../../../../shared/corpora/composefs-dumps");

const defaults: ErofsOptions = { minVersion: 0, maxVersion: 1 };
const always1: ErofsOptions = { minVersion: 1, maxVersion: 1 };
const always0: ErofsOptions = { minVersion: 0, maxVersion: 0 };

function readTable(file: string): string[][] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split("\t"));
}

function readDump(file: string): Directory {
  const bytes = readFileSync(file);
  return parseDump(file.endsWith(".gz") ? gunzipSync(bytes) : bytes);
}

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
const bytes = (text: string): ByteString => text as ByteString;

/** The options as mkcomposefs takes them: one given alone leaves the other at 0, and the maximum is never the smaller. */
const options: Readonly<Record<string, ErofsOptions>> = {
  "-": defaults,
  "--min-version=1": always1,
  "--min-version=0 --max-version=0": always0,
};

describe("images of mkcomposefs", () => {
  const cases = readTable(path.join(vectors, "dump/index.tsv"));

  it("has all cases", () => {
    expect(cases).toHaveLength(45);
  });

  it.each(cases)("%s %s", (name, args, size, imageSum, verity256, verity512) => {
    const image = writeErofs(readDump(path.join(vectors, `dump/${name}.dump`)), options[args ?? ""] ?? defaults);
    expect(options).toHaveProperty([args ?? ""]);
    expect({
      size: image.length,
      imageSum: sha256(image),
      verity256: verityDigest(image, "sha256"),
      verity512: verityDigest(image, "sha512"),
    }).toEqual({ size: Number(size), imageSum, verity256, verity512 });
  });
});

describe("images of composefs-rs", () => {
  const layouts: Readonly<Record<string, ErofsOptions>> = { V0: defaults, V1: always1 };
  const cases = readTable(path.join(vectors, "composefs-rs/index.tsv")).filter(([, layout = ""]) => layout in layouts);

  it("has all cases", () => {
    expect(cases).toHaveLength(13);
  });

  it.each(cases)("%s %s %s", (name, layout, algorithm, digest) => {
    const tree = readDump(path.join(vectors, `composefs-rs/${name}.dump`));
    const image = writeErofs(tree, layouts[layout ?? ""] ?? defaults);
    expect(verityDigest(image, algorithm as HashAlgorithm)).toBe(digest);
  });
});

it("writes the image that ostree commits", () => {
  const image = writeErofs(readDump(path.join(vectors, "ostree/simple.equivalent.dump")), defaults);
  const [imageSum] = readFileSync(path.join(vectors, "ostree/simple.sha256"), "utf8").trim().split(/\s/);
  const digest = readFileSync(path.join(vectors, "ostree/simple.digest"), "utf8").trim();
  expect([sha256(image), verityDigest(image, "sha256")]).toEqual([imageSum, digest]);
});

const golden = path.join(corpus, "golden-mkcomposefs-1.0.8.tsv");
const hasCorpus = existsSync(golden);

describe.skipIf(!hasCorpus)(
  `upstream's test dumps${hasCorpus ? "" : " (skipped: ../shared/corpora is not there)"}`,
  () => {
    const cases = hasCorpus
      ? readTable(golden).filter(([name = ""]) => name.includes(".dump") && existsSync(path.join(corpus, name)))
      : [];

    it.each(cases.filter((row) => row[2] === "0"))("%s", (name = "", version, _status, size, imageSum, _ok, digest) => {
      const range: ErofsOptions = version === "-" ? defaults : version === "1" ? always1 : always0;
      const image = writeErofs(readDump(path.join(corpus, name)), range);
      expect([image.length, sha256(image), verityDigest(image, "sha256")]).toEqual([Number(size), imageSum, digest]);
    });

    it.each(cases.filter((row) => row[2] !== "0"))("refuses %s", (name = "") => {
      expect(() => writeErofs(readDump(path.join(corpus, name)), defaults)).toThrow(Oci2cfsError);
    });
  },
);

describe("xxh32", () => {
  it("gives the digests that the reference implementation gives", () => {
    expect(xxh32("", 0)).toBe(0x02cc5d05);
    expect(xxh32("", 0x9e3779b1)).toBe(0x36b78ae7);
    expect(xxh32("abc", 0)).toBe(0x32d153ff);
    expect(xxh32("Nobody inspects the spammish repetition", 0)).toBe(0xe2293b2f);
  });
});

const noXattrs: Xattrs = new Map();
const base = { uid: 0, gid: 0, mtimeSec: 1n, mtimeNsec: 0, xattrs: noXattrs };

function directory(children: Record<string, Node> = {}, more: Partial<Directory> = {}): Directory {
  return { kind: "directory", mode: 0o040755, ...base, ...more, children: new Map(Object.entries(children)) as never };
}

function regular(more: Partial<Regular> = {}): Regular {
  const external = { content: undefined, payload: undefined, digest: undefined };
  return { kind: "regular", mode: 0o100644, nlink: 1, size: 0, ...base, ...external, ...more };
}

function symlink(target: string): Symlink {
  return { kind: "symlink", mode: 0o120777, nlink: 1, ...base, target: bytes(target) };
}

function character(rdev: number): Device {
  return { kind: "character", mode: 0o020600, nlink: 1, ...base, rdev };
}

const xattrs = (entries: Record<string, string>): Xattrs => new Map(Object.entries(entries)) as Map<never, never>;

/** A deep copy that keeps hard links to one target together. */
function copyTree(root: Directory): Directory {
  return structuredClone(root);
}

describe("the tree", () => {
  const trees = ["overlay-escape", "whiteout-v1", "hardlink-forward-deep", "xattr-shared", "root-hex-names"];

  it.each(trees)("%s is left as it was, and gives the same image again", (name) => {
    const tree = readDump(path.join(vectors, `dump/${name}.dump`));
    const before = copyTree(tree);
    const image = writeErofs(tree, defaults);
    expect(tree).toEqual(before);
    expect(writeErofs(tree, defaults).equals(image)).toBe(true);
  });

  it.each(trees)("%s gives the same image whatever the order of its maps", (name) => {
    const tree = readDump(path.join(vectors, `dump/${name}.dump`));
    const image = writeErofs(tree, defaults);
    const pending: Directory[] = [tree];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      next.children = new Map([...next.children].reverse());
      for (const child of next.children.values()) {
        if (child.kind === "directory") pending.push(child);
        if (child.kind !== "hardlink") child.xattrs = new Map([...child.xattrs].reverse());
      }
    }
    expect(writeErofs(tree, defaults).equals(image)).toBe(true);
  });

  it("names a sha512 object with overlayfs' algorithm 2", () => {
    const digest = "ab".repeat(64) as VerityDigest;
    const payload = bytes(`${digest.slice(0, 2)}/${digest.slice(2)}`);
    const image = writeErofs(directory({ a: regular({ size: 100, payload, digest }) }), always1);
    expect(image.includes(Buffer.concat([Buffer.from([0, 68, 0, 2]), Buffer.from(digest, "hex")]))).toBe(true);
    expect(image.includes(Buffer.from(`overlay.redirect/${payload}`))).toBe(true);
  });

  it("raises the version for a whiteout only", () => {
    const versionOf = (root: Directory, range: ErofsOptions): number => writeErofs(root, range).readUInt32LE(12);
    const plain = directory({ d: directory({ null: character(0x103) }) });
    const whiteout = directory({ d: directory({ gone: character(0) }) });
    const stubName = directory({ "00": character(0) });
    expect([defaults, always0, always1].map((range) => versionOf(plain, range))).toEqual([0, 0, 1]);
    expect([defaults, always0, always1].map((range) => versionOf(whiteout, range))).toEqual([1, 0, 1]);
    expect(versionOf(stubName, defaults)).toBe(1);
  });
});

describe("limits", () => {
  const inside = (name: string, node: Node): Directory => directory({ d: directory({ [name]: node }) });
  const long = (length: number): string => "n".repeat(length);
  const refused: Record<string, [root: Directory, message: RegExp]> = {
    "an empty name": [inside("", regular()), /\/d: name/],
    "a name of 256 bytes": [inside(long(256), regular()), /\/d: name .* 256 bytes/],
    "a name with a slash": [inside("a/b", regular()), /\/d: name/],
    "a name with a NUL": [inside("a\0b", regular()), /\/d: name/],
    "the name .": [inside(".", regular()), /\/d: name/],
    "the name ..": [inside("..", regular()), /\/d: name/],
    "a symlink to nothing": [inside("l", symlink("")), /\/d\/l: symlink/],
    "a symlink target of 4096 bytes": [inside("l", symlink(long(4096))), /\/d\/l: symlink/],
    "a symlink target with a NUL": [inside("l", symlink("a\0b")), /\/d\/l: symlink/],
    "an xattr without a name": [inside("f", regular({ xattrs: xattrs({ "": "v" }) })), /\/d\/f: xattr name/],
    "an xattr name of 256 bytes": [
      inside("f", regular({ xattrs: xattrs({ [`user.${long(251)}`]: "v" }) })),
      /\/d\/f: xattr name/,
    ],
    "an xattr name with a NUL": [inside("f", regular({ xattrs: xattrs({ "user.\0": "v" }) })), /\/d\/f: xattr name/],
    "an xattr value of 65536 bytes": [
      inside("f", regular({ xattrs: xattrs({ "user.a": long(65536) }) })),
      /\/d\/f: xattrs/,
    ],
    "more xattrs than fit": [
      inside("f", regular({ xattrs: xattrs({ "user.a": long(32767 - 12 - 7 - 6 + 1) }) })),
      /\/d\/f: xattrs/,
    ],
    "more xattrs than fit on a directory": [
      directory({ d: directory({}, { xattrs: xattrs({ "user.a": long(20_000), "user.b": long(20_000) }) }) }),
      /\/d: xattrs/,
    ],
    "a file of more than 2^53 bytes": [inside("f", regular({ size: 2 ** 53 + 2 })), /\/d\/f: /],
    "a size below zero": [inside("f", regular({ size: -1 })), /\/d\/f: /],
    "a size that is no number": [inside("f", regular({ size: Number.NaN })), /\/d\/f: /],
    "a size with a fraction": [inside("f", regular({ size: 1.5 })), /\/d\/f: /],
    "inline content of 5001 bytes": [
      inside("f", regular({ size: 5001, content: bytes(long(5001)) })),
      /\/d\/f: inline content/,
    ],
    "content shorter than the size": [inside("f", regular({ size: 5, content: bytes("1234") })), /\/d\/f: inline/],
    "content of an empty file": [inside("f", regular({ size: 0, content: bytes("1") })), /\/d\/f: inline/],
    "a payload of 4096 bytes": [inside("f", regular({ size: 1, payload: bytes(long(4096)) })), /\/d\/f: /],
    "a user id of 33 bits": [inside("f", regular({ uid: 2 ** 32 })), /\/d\/f: uid/],
    "a group id below zero": [inside("f", regular({ gid: -1 })), /\/d\/f: gid/],
    "a mode of 17 bits": [inside("f", regular({ mode: 0o300644 })), /\/d\/f: mode/],
    "a link count of 33 bits": [inside("f", regular({ nlink: 2 ** 32 })), /\/d\/f: nlink/],
    "a device number of 33 bits": [inside("c", character(2 ** 32)), /\/d\/c: rdev/],
    "nanoseconds of 33 bits": [inside("f", regular({ mtimeNsec: 2 ** 32 })), /\/d\/f: mtime/],
    "seconds of 65 bits": [inside("f", regular({ mtimeSec: 2n ** 63n })), /\/d\/f: mtime/],
    "a directory's user id of 33 bits": [directory({ d: directory({}, { uid: 2 ** 32 }) }), /\/d: uid/],
    "the root's mode of 17 bits": [directory({}, { mode: 0o240755 }), /\/: mode/],
    "a hard link in the root to what is not in the tree": [
      directory({ h: { kind: "hardlink", target: regular() } }),
      /^erofs: \/h: hard link/,
    ],
    "a hard link to what is not in the tree": [
      inside("h", { kind: "hardlink", target: regular() }),
      /\/d\/h: hard link/,
    ],
  };

  it.each(Object.entries(refused))("refuses %s and says where", (_what, [root, message]) => {
    let caught: unknown;
    try {
      writeErofs(root, defaults);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(Oci2cfsError);
    expect((caught as Oci2cfsError).message).toMatch(message);
    expect((caught as Oci2cfsError).message).toMatch(/^erofs: \//);
    expect(["unsupported", "bad-format"]).toContain((caught as Oci2cfsError).code);
  });

  it("takes the largest of everything", () => {
    const root = directory({
      [long(255)]: regular({ uid: 0xffffffff, gid: 0xffffffff, nlink: 0xffffffff, mtimeNsec: 0xffffffff }),
      big: regular({ size: 2 ** 53, mtimeSec: 2n ** 63n - 1n, payload: bytes(long(4095)) }),
      content: regular({ size: 5000, content: bytes(long(5000)), mtimeSec: -(2n ** 63n) }),
      device: character(0xffffffff),
      link: symlink(long(4095)),
      xattrs: regular({ xattrs: xattrs({ "user.a": long(32767 - 12 - 7 - 6) }) }),
      name: regular({ xattrs: xattrs({ [`user.${long(250)}`]: "v", [`trusted.overlay.${long(239)}`]: "escaped" }) }),
    });
    expect(writeErofs(root, defaults).length % 4096).toBe(0);
  });
});

describe("any tree", () => {
  const anyBytes = (maxLength: number): fc.Arbitrary<ByteString> =>
    fc.uint8Array({ maxLength }).map((array) => bytesOf(Buffer.from(array)));
  const number = fc.oneof(fc.nat(0xffff), fc.constantFrom(-1, 2 ** 32 - 1, 2 ** 32, 2 ** 53, Number.NaN, Infinity));
  const metadata = {
    mode: fc.oneof({ weight: 9, arbitrary: fc.nat(0xffff) }, { weight: 1, arbitrary: number }),
    uid: number,
    gid: fc.nat(70_000),
    mtimeSec: fc.oneof(fc.constant(0n), fc.bigInt(-(2n ** 63n), 2n ** 63n)),
    mtimeNsec: fc.nat(2),
    xattrs: fc
      .array(
        fc.tuple(fc.oneof(fc.constantFrom(...["user.a", "trusted.overlay.x"].map(bytes)), anyBytes(6)), anyBytes(9)),
      )
      .map((pairs) => new Map(pairs) as Xattrs),
  };
  const leaf: fc.Arbitrary<Leaf> = fc.oneof(
    fc.record({
      kind: fc.constant("regular" as const),
      ...metadata,
      nlink: fc.nat(70_000),
      size: number,
      content: fc.option(anyBytes(80), { nil: undefined }),
      payload: fc.option(anyBytes(80), { nil: undefined }),
      digest: fc.constantFrom(undefined, "00".repeat(32) as VerityDigest, "11".repeat(64) as VerityDigest),
    }),
    fc.record({ kind: fc.constant("symlink" as const), ...metadata, nlink: fc.nat(2), target: anyBytes(90) }),
    fc.record({
      kind: fc.constantFrom("character" as const, "block" as const),
      ...metadata,
      nlink: fc.nat(2),
      rdev: fc.oneof(fc.constant(0), number),
    }),
  );
  const { node } = fc.letrec<{ node: Node; directory: Directory }>((tie) => ({
    node: fc.oneof({ maxDepth: 3 }, leaf, tie("directory")),
    directory: fc.record({
      kind: fc.constant("directory" as const),
      ...metadata,
      children: fc.array(fc.tuple(anyBytes(4), tie("node"))).map((entries) => new Map(entries)),
    }),
  }));

  it("becomes an image or an Oci2cfsError", () => {
    let written = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(anyBytes(4), node), { maxLength: 5 }), (entries) => {
        const root: Directory = { ...directory(), children: new Map(entries.sort(([a], [b]) => compareBytes(a, b))) };
        try {
          expect(writeErofs(root, defaults).length % 4096).toBe(0);
          written++;
        } catch (error) {
          if (!(error instanceof Oci2cfsError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
    expect(written).toBeGreaterThan(20);
  });
});
