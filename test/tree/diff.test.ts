// What differs between two trees.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { VerityDigest } from "../../src/format/digest.ts";
import type { Directory } from "../../src/format/node.ts";
import { diffTrees } from "../../src/tree/diff.ts";
import { inodeOf, walkTree } from "../../src/tree/walk.ts";
import {
  build,
  directory,
  entry,
  file,
  finish,
  hardlink,
  type Item,
  type Layer,
  symlink,
  text,
  xattrs,
} from "./layers.ts";

const treeOf = (layer: Layer): Directory => finish(build([layer]));

/** `+path`, `-path`, or `path` with what changed. */
function changes(before: Layer, after: Layer): string[] {
  return [...diffTrees(treeOf(before), treeOf(after))].map((change) => {
    if (change.before === undefined) return `+${change.path}`;
    if (change.after === undefined) return `-${change.path}`;
    return `${change.path}${change.content ? " content" : ""}${change.metadata ? " metadata" : ""}`;
  });
}

const object = (digit: string): Item => [
  entry("regular", "x", { size: 100 }),
  { external: digit.repeat(64) as VerityDigest },
];

describe("diffTrees", () => {
  it("finds nothing between equal trees", () => {
    const layer = [directory("a"), text("a/b", "1"), hardlink("c", "a/b"), symlink("d", "a"), entry("fifo", "e")];
    expect(changes(layer, layer)).toEqual([]);
  });

  it.each([
    ["another text", [text("x", "1")], [text("x", "2")], ["/x content"]],
    ["another length", [text("x", "1")], [text("x", "12")], ["/x content"]],
    ["another object", [object("a")], [object("b")], ["/x content"]],
    ["the same object", [object("a")], [object("a")], []],
    ["an object instead of a text", [text("x", "1".repeat(100))], [object("b")], ["/x content"]],
    ["another link target", [symlink("x", "a")], [symlink("x", "b")], ["/x content"]],
    [
      "another device",
      [entry("character", "x", { devMinor: 1 })],
      [entry("character", "x", { devMinor: 2 })],
      ["/x content"],
    ],
    ["another type", [file("x")], [symlink("x", "b")], ["/x content metadata"]],
    ["another owner", [file("x", 1)], [file("x", 2)], ["/x metadata"]],
    ["another time", [file("x")], [{ ...file("x"), mtimeNsec: 1 }], ["/x metadata"]],
    [
      "another xattr value",
      [{ ...file("x"), xattrs: xattrs({ "security.capability": "1" }) }],
      [{ ...file("x"), xattrs: xattrs({ "security.capability": "2" }) }],
      ["/x metadata"],
    ],
    ["one more name of an inode", [text("x", "1")], [text("x", "1"), hardlink("y", "x")], ["+/y"]],
    ["a copy instead of a hard link", [text("x", "1"), hardlink("y", "x")], [text("x", "1"), text("y", "1")], []],
    ["the root, which is /usr's", [directory("usr")], [directory("usr", { uid: 1 })], ["/ metadata", "/usr metadata"]],
  ] as [string, Layer, Layer, string[]][])("%s", (_, before, after, expected) => {
    expect(changes(before, after)).toEqual(expected);
  });

  it("names all that comes and goes with a directory", () => {
    const full = [directory("d"), file("d/a"), directory("d/b"), file("d/b/c"), file("e")];
    expect(changes([file("e")], full)).toEqual(["+/d", "+/d/a", "+/d/b", "+/d/b/c"]);
    expect(changes(full, [file("e")])).toEqual(["-/d", "-/d/a", "-/d/b", "-/d/b/c"]);
    expect(changes(full, [file("d"), file("e")])).toEqual(["/d content metadata", "-/d/a", "-/d/b", "-/d/b/c"]);
  });

  it("says what any two trees need to become each other", () => {
    const name = fc.constantFrom("a", "b", "c");
    const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
    const layer = fc
      .uniqueArray(fc.record({ path, uid: fc.nat(3) }), { selector: (item) => item.path, maxLength: 8 })
      .map((items) => {
        const isParent = (path: string): boolean => items.some((other) => other.path.startsWith(`${path}/`));
        return items.map((item) => (isParent(item.path) ? directory(item.path) : file(item.path, item.uid)));
      });
    const list = (root: Directory): Map<string, string> =>
      new Map(
        [...walkTree(root)].map(({ path, node }) => [path, `${inodeOf(node).kind} ${inodeOf(node).uid}`] as const),
      );
    fc.assert(
      fc.property(layer, layer, (one, other) => {
        const [before, after] = [treeOf(one), treeOf(other)];
        const patched = list(before);
        for (const change of diffTrees(before, after)) {
          if (change.after === undefined) patched.delete(change.path);
          else patched.set(change.path, `${change.after.kind} ${change.after.uid}`);
          expect(change.before === undefined || list(before).has(change.path)).toBe(true);
        }
        expect([...patched].sort()).toEqual([...list(after)].sort());
        expect([...diffTrees(before, structuredClone(before))]).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});
