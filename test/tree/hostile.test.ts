// Layers made to do harm: nothing leaves the image, nothing loops, nothing overflows the stack, and what cannot be is an error
// of ours.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Oci2cfsError } from "../../src/errors.ts";
import { type ByteString, encodeText } from "../../src/format/bytes.ts";
import { writeErofs } from "../../src/format/erofs/write.ts";
import type { TarEntryType } from "../../src/format/tar/entry.ts";
import { TreeBuilder } from "../../src/tree/build.ts";
import { diffTrees } from "../../src/tree/diff.ts";
import { lookup, walkTree } from "../../src/tree/walk.ts";
import { build, directory, entry, file, finish, hardlink, type Layer, symlink } from "./layers.ts";

const badFormat = expect.objectContaining({ code: "bad-format", message: expect.not.stringContaining("\n") });

/** Deeper than the call stack: each part costs two bytes of a path, which may have 65536. */
const DEPTH = 30_000;
const deep = Array.from({ length: DEPTH }, () => "d").join("/");

describe("deep trees", () => {
  it("are built, finished, walked and compared", () => {
    const root = finish(build([[file(`${deep}/x`)]]));
    let count = 0;
    for (const _ of walkTree(root)) count++;
    expect(count).toBe(DEPTH + 1);
    expect([...diffTrees(root, build([]))].filter((change) => change.after === undefined)).toHaveLength(DEPTH + 1);
  });

  it("are hidden around what the layer brought, at whatever depth", () => {
    const root = build([
      [file(`${deep}/old`), file("d/old")],
      [file(`${deep}/new`), file(".wh.d")],
    ]);
    expect(lookup(root, encodeText("d/old"))).toBeUndefined();
    expect(lookup(root, encodeText(`${deep}/old`))).toBeUndefined();
    expect(lookup(root, encodeText(`${deep}/new`))).toMatchObject({ kind: "regular" });
  });

  it("end where no path can go", () => {
    expect(() => build([[file(`${deep}/${deep}/x`)]])).toThrow(badFormat);
  });
});

describe("symlinks", () => {
  it("are followed 40 times in one path and no more", () => {
    const chain = (count: number): Layer => [
      directory("l0"),
      ...Array.from({ length: count }, (_, index) => symlink(`l${index + 1}`, `l${index}`)),
      file(`l${count}/x`),
    ];
    expect(lookup(build([chain(40)]), encodeText("l0/x"))).toBeDefined();
    expect(() => build([chain(41)])).toThrow(badFormat);
  });

  it("in circles end whiteouts and hard links as well", () => {
    const loop = [symlink("a", "b/c"), symlink("b", "/a")];
    for (const item of [file("a/.wh.x"), file("a/.wh..wh..opq"), hardlink("x", "a/y"), directory("a/x")]) {
      expect(() => build([loop, [item]])).toThrow(badFormat);
    }
  });

  it.each(["../../../..", "/../..", "/", "..", "/a/../../.."])("to %s lead to the root and not above", (target) => {
    expect(lookup(build([[directory("a"), symlink("l", target), file("l/x")]]), encodeText("x"))).toBeDefined();
  });

  it("that multiply are bounded", () => {
    // Each names the one before it often: 200^40 steps if nothing stopped it.
    const target = (index: number): string => Array.from({ length: 200 }, () => `l${index}/..`).join("/");
    const layer = Array.from({ length: 40 }, (_, index) => symlink(`l${index + 1}`, target(index)));
    expect(() => build([[directory("l0"), ...layer, file("l40/x")]])).toThrow(badFormat);
  });

  it("do not make what their targets only pass by", () => {
    const root = build([[symlink("l", "gone/../there"), file("l/x")]]);
    expect([...root.children.keys()]).toEqual(["l", "there"]);
  });
});

describe("names", () => {
  it.each(["..", "../x", "a/../x", "a/..", "/..", "./..", "a/b/../../../x"])("%s is refused", (name) => {
    for (const compat of ["native", "composefs-rs"] as const) {
      for (const type of ["regular", "directory", "symlink"] as const) {
        expect(() => build([[directory("a"), entry(type, name)]], compat)).toThrow(badFormat);
      }
      expect(() => build([[file("t"), hardlink(name, "t")]], compat)).toThrow(badFormat);
      expect(() => build([[file("x"), hardlink("h", name)]], compat)).toThrow(badFormat);
    }
  });

  it("with dots that are no parents are names", () => {
    const names = ["...", "..a", "a..", ".a", "a."];
    expect([...build([names.map((name) => file(name))]).children.keys()]).toEqual(names);
  });

  it.each([".wh.", ".wh..", ".wh...", "d/.wh.", "none/.wh."])("%s hides nothing and is refused", (name) => {
    for (const compat of ["native", "composefs-rs"] as const) {
      expect(() => build([[directory("d")], [file(name)]], compat)).toThrow(badFormat);
    }
  });

  it.each(["/", "./", "."])("%s is never anything but a directory", (name) => {
    for (const item of [file(name), symlink(name, "x"), hardlink(name, "x"), entry("fifo", name)]) {
      expect(() => build([[file("x")], [item]])).toThrow(badFormat);
    }
    expect(() => build([[hardlink("x", name)]])).toThrow(badFormat);
  });

  it("of control characters come out escaped in messages", () => {
    expect(() => build([[file("a\n\x1b[2J/../x")]])).toThrow(
      expect.objectContaining({ message: expect.stringContaining("\\x0a\\x1b") }),
    );
  });
});

describe("whiteouts", () => {
  it("of everything leave the root", () => {
    const lower = [directory("usr"), file("usr/x")];
    for (const compat of ["native", "composefs-rs"] as const) {
      const root = build([lower, [file("/.wh..wh..opq")]], compat);
      expect(root.children.size).toBe(0);
    }
  });

  it("of any type of entry hide", () => {
    for (const type of ["regular", "character", "directory", "symlink", "hardlink"] as const) {
      expect(build([[file("x")], [entry(type, ".wh.x")]]).children.size).toBe(0);
    }
  });

  it("below a file hide nothing", () => {
    const root = build([
      [directory("d"), file("d/x")],
      [file("d", 5), file("d/.wh.x"), file("d/.wh..wh..opq")],
    ]);
    expect(root.children.get(encodeText("d"))).toMatchObject({ kind: "regular", uid: 5 });
  });
});

describe("any entries", () => {
  const piece = fc.constantFrom(".", "..", "/", ".wh.", ".wh..opq", "a", "b", "usr", "run", "\xff", "\n", "");
  const name = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join("") as ByteString);
  const type = fc.constantFrom<TarEntryType[]>("regular", "directory", "symlink", "hardlink", "character", "fifo");
  const item = fc.record({ type, name, linkname: name }).map((more) => entry(more.type, "x", more));

  it.each(["native", "composefs-rs"] as const)("give a tree that can be written, or an error of ours, %s", (compat) => {
    fc.assert(
      fc.property(fc.array(fc.array(item, { maxLength: 12 }), { maxLength: 3 }), (layers) => {
        const builder = new TreeBuilder({ compat });
        for (const layer of layers) {
          builder.beginLayer();
          for (const next of layer) {
            try {
              builder.apply(next, undefined);
            } catch (error) {
              if (!(error instanceof Oci2cfsError)) throw error;
            }
          }
          builder.endLayer();
        }
        for (const { name } of walkTree(builder.root)) {
          expect(name).not.toMatch(/^\.{0,2}$|\//);
        }
        try {
          const image = writeErofs(finish(builder.root), { minVersion: 1, maxVersion: 1 });
          expect(image.length % 4096).toBe(0);
        } catch (error) {
          // A symlink to nothing at all is the writer's to refuse.
          if (!(error instanceof Oci2cfsError)) throw error;
        }
      }),
      { numRuns: 300 },
    );
  });
});
