// What an entry becomes as an inode: content, types and metadata, in both dialects, and a whole layer that composefs-rs pins.

import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { type ByteString, bytesOf, encodeText } from "../../src/format/bytes.ts";
import type { VerityDigest } from "../../src/format/digest.ts";
import { writeErofs } from "../../src/format/erofs/write.ts";
import type { Node } from "../../src/format/node.ts";
import type { TarEntry } from "../../src/format/tar/entry.ts";
import { TarReader } from "../../src/format/tar/reader.ts";
import { verityDigest } from "../../src/format/verity.ts";
import type { Compat } from "../../src/tree/build.ts";
import { build, directory, entry, file, finish, hardlink, type Item, symlink, textOf } from "./layers.ts";

const vectors = path.join(import.meta.dirname, "../vectors/composefs-rs");
const digest = "ab".repeat(32) as VerityDigest;

const only = (item: Item, compat: Compat = "native"): Node | undefined =>
  build([[item]], compat).children.get(encodeText("x"));

describe("a file", () => {
  it("that is small has its content in the image", () => {
    expect(only([entry("regular", "x", { size: 2 }), { inline: encodeText("hi") }])).toMatchObject({
      size: 2,
      content: "hi",
      payload: undefined,
      digest: undefined,
    });
  });

  it("that is an object has its path and digest", () => {
    expect(only([entry("regular", "x", { size: 65 }), { external: digest }])).toMatchObject({
      size: 65,
      content: undefined,
      payload: `ab/${digest.slice(2)}`,
      digest,
    });
  });

  it("that is empty has neither, whatever comes with it", () => {
    const empty = { size: 0, content: undefined, payload: undefined, digest: undefined };
    expect(only(file("x"))).toMatchObject(empty);
    expect(only([file("x"), { inline: "" as ByteString }])).toMatchObject(empty);
    expect(only([file("x"), { external: digest }])).toMatchObject(empty);
  });

  it("that has its holes is taken natively", () => {
    const sparse = entry("regular", "x", { size: 100, storedSize: 0, sparse: [] });
    expect(only([sparse, { external: digest }])).toMatchObject({ size: 100, digest });
  });

  it("is refused when its content is not there, or is of another length", () => {
    const short: Item = [entry("regular", "x", { size: 3 }), { inline: encodeText("hi") }];
    for (const item of [entry("regular", "x", { size: 3 }), short]) {
      expect(() => only(item)).toThrow(expect.objectContaining({ code: "bad-format" }));
    }
  });
});

describe("types and metadata", () => {
  it("of devices, fifos and symlinks", () => {
    const device = { devMajor: 259, devMinor: 70000, mode: 0o660 };
    expect(only(entry("block", "x", device))).toMatchObject({
      kind: "block",
      mode: 0o060660,
      rdev: (70000 & 0xff) | (259 << 8) | ((70000 & 0xfff00) << 12),
    });
    expect(only(entry("character", "x"))).toMatchObject({ kind: "character", mode: 0o020644, rdev: 0 });
    expect(only(entry("fifo", "x"))).toMatchObject({ kind: "fifo", mode: 0o010644 });
    expect(only(symlink("x", "/a//../b/"))).toMatchObject({ kind: "symlink", mode: 0o120644, target: "/a//../b/" });
  });

  it("keep set-id and sticky bits; the type in the mode field counts for composefs-rs only", () => {
    const odd = entry("regular", "x", { mode: 0o047755 });
    expect(only(odd)).toMatchObject({ mode: 0o107755 });
    expect(only(odd, "composefs-rs")).toMatchObject({ mode: 0o147755 });
    expect(only({ ...odd, mode: 0o107755 }, "composefs-rs")).toMatchObject({ mode: 0o107755 });
  });

  it("keep times before 1970 and their nanoseconds natively", () => {
    expect(only({ ...file("x"), mtimeSec: -5n, mtimeNsec: 999_999_999 })).toMatchObject({
      mtimeSec: -5n,
      mtimeNsec: 999_999_999,
    });
  });

  it("of a whiteout device as overlayfs has it are a device's: only names hide", () => {
    const root = build([[file("x")], [entry("character", "x")]]);
    expect(root.children.get(encodeText("x"))).toMatchObject({ kind: "character", rdev: 0 });
  });
});

describe("names", () => {
  it.each(["a/b", "/a/b", "./a/b", "a//b", "a/./b", "./a/b/", "//a/b//", "./././a/b/."])("%s is /a/b", (name) => {
    for (const compat of ["native", "composefs-rs"] as const) {
      const root = build([[directory("a"), { ...directory(name), uid: 3 }]], compat);
      expect(textOf(root).split("\n")[2]).toMatch(/^\/a\/b 0 40755 2 3 /);
    }
  });

  it("are bytes", () => {
    const name = "\xff\x01é" as ByteString;
    const root = build([
      [
        { ...file("x"), name },
        { ...hardlink("y", "x"), linkname: `/./${name}` as ByteString },
      ],
    ]);
    expect([...root.children.keys()]).toEqual([name, "y"]);
  });

  it.each(["/", ".", "./", "//", "././"])("%s is the root", (name) => {
    expect(build([[directory(name, { mode: 0o711, uid: 4 })]])).toMatchObject({ mode: 0o040711, uid: 4 });
  });
});

describe("composefs-rs's test layer", () => {
  const items: Item[] = [];
  const tar = readFileSync(path.join(vectors, "oci-layout.layer.tar"));
  let current: TarEntry | undefined;
  let pieces = "";
  const reader = new TarReader({
    raw() {
      // Only entries count here.
    },
    entry(next) {
      current = next;
      pieces = "";
      if (next.type !== "regular") items.push(next);
    },
    content(buffer, start, end) {
      pieces += bytesOf(buffer, start, end);
    },
    contentEnd() {
      if (current !== undefined) items.push([current, { inline: pieces as ByteString }]);
    },
  });
  reader.push(tar);
  reader.finish();

  it.each(["native", "composefs-rs"] as const)("gives its pinned image, %s", (compat) => {
    const root = finish(build([items], compat), { compat });
    const pinned = readFileSync(path.join(vectors, "index.tsv"), "utf8")
      .split("\n")
      .map((line) => line.split("\t"))
      .find(([name, layout]) => name === "oci-layout" && layout === "V1");
    expect(pinned?.[2]).toBe("sha512");
    expect(verityDigest(writeErofs(root, { minVersion: 1, maxVersion: 1 }), "sha512")).toBe(pinned?.[3]);
  });
});
