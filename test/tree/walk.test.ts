// Going through trees, and finding things in them.

import { describe, expect, it } from "vitest";
import { encodeText } from "../../src/format/bytes.ts";
import { lookup, visit, walkTree } from "../../src/tree/walk.ts";
import { build, directory, file, finish, hardlink, symlink } from "./layers.ts";

const tree = finish(
  build([[file("b"), directory("a"), file("a/z"), hardlink("a/c", "b"), file("a-"), file("a.b"), symlink("l", "a")]]),
);

describe("walkTree", () => {
  it("goes depth first in byte order, a directory before what is in it", () => {
    const entries = [...walkTree(tree)];
    expect(entries.map(({ path }) => path)).toEqual(["/a", "/a/c", "/a/z", "/a-", "/a.b", "/b", "/l"]);
    for (const { parent, name, node } of entries) expect(parent.children.get(name)).toBe(node);
  });

  it("has nothing to say about an empty tree", () => {
    expect([...walkTree(build([]))]).toEqual([]);
  });
});

describe("visit", () => {
  it("comes by once for each name, the root included", () => {
    const seen = new Map<object, number>();
    visit(tree, (node) => seen.set(node, (seen.get(node) ?? 0) + 1));
    expect([...seen.values()].sort()).toEqual([1, 1, 1, 1, 1, 1, 2]);
    expect(seen.get(tree)).toBe(1);
  });
});

describe("lookup", () => {
  const at = (path: string): unknown => lookup(tree, encodeText(path));

  it("takes paths with and without slashes around", () => {
    expect(at("")).toBe(tree);
    expect(at("/")).toBe(tree);
    expect(at("a/z")).toBeDefined();
    expect(at("/a//./z/")).toBe(at("a/z"));
  });

  it("finds nothing below files and symlinks, nor above", () => {
    for (const path of ["x", "a/x", "b/x", "l/z", "..", "a/../b"]) expect(at(path)).toBeUndefined();
  });

  it("gives the name's own node", () => {
    expect(at("/l")).toMatchObject({ kind: "symlink" });
    expect(at("/b")).toMatchObject({ kind: "hardlink", target: at("/a/c") });
  });
});
