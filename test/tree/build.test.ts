// The layer rules: what each says, and properties that hold for any layers.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ByteString, encodeText } from "../../src/format/bytes.ts";
import { type Directory, NO_XATTRS } from "../../src/format/node.ts";
import type { TarEntry } from "../../src/format/tar/entry.ts";
import { build, directory, entry, file, finish, hardlink, type Layer, symlink, textOf } from "./layers.ts";

/** Paths of everything but the root, with owners. */
function listing(root: Directory): string[] {
  const paths: string[] = [];
  const walk = (node: Directory, prefix: string): void => {
    for (const name of [...node.children.keys()].sort()) {
      const child = node.children.get(name);
      if (child === undefined) continue;
      const inode = child.kind === "hardlink" ? child.target : child;
      paths.push(`${prefix}${name}${inode.uid === 0 ? "" : `=${inode.uid}`}`);
      if (child.kind === "directory") walk(child, `${prefix}${name}/`);
    }
  };
  walk(root, "");
  return paths;
}

describe("whiteouts, native", () => {
  const lower = [directory("d"), file("d/a"), file("d/b")];
  const cases: [string, Layer, string[]][] = [
    ["hide a lower file", [file("d/.wh.a")], ["d", "d/b"]],
    ["hide a lower directory", [file(".wh.d")], []],
    ["leave what comes behind them", [file("d/.wh.a"), file("d/a", 7)], ["d", "d/a=7", "d/b"]],
    ["leave what came before them", [file("d/a", 7), file("d/.wh.a")], ["d", "d/a=7", "d/b"]],
    ["hide a directory under one that comes back", [file(".wh.d"), directory("d"), file("d/c")], ["d", "d/c"]],
    ["hide a directory under one that came before", [directory("d"), file("d/c"), file(".wh.d")], ["d", "d/c"]],
    ["hide a directory around a new file", [file("d/c"), file(".wh.d")], ["d", "d/c"]],
    ["opaque first", [file("d/.wh..wh..opq"), file("d/c")], ["d", "d/c"]],
    ["opaque last", [file("d/c"), file("d/.wh..wh..opq")], ["d", "d/c"]],
    ["opaque on the root", [file(".wh..wh..opq"), file("x")], ["x"]],
    ["nothing where nothing is", [file("none/.wh.a"), file(".wh.none")], ["d", "d/a", "d/b"]],
    [
      "AUFS leftovers",
      [directory(".wh..wh.plnk"), file(".wh..wh.plnk/1.2"), file(".wh..wh.aufs")],
      ["d", "d/a", "d/b"],
    ],
  ];
  it.each(cases)("%s", (_, upper, expected) => expect(listing(build([lower, upper]))).toEqual(expected));

  it("do nothing in the lowest layer", () => {
    expect(listing(build([[directory("d"), file("d/a"), file(".wh.d"), file("d/.wh..wh..opq")]]))).toEqual([
      "d",
      "d/a",
    ]);
  });

  it("turn a directory that is gone into one that was never there", () => {
    const old = [directory("d", { uid: 5, mode: 0o700 }), file("d/a")];
    for (const upper of [
      [file("d/new"), file(".wh.d")],
      [file(".wh.d"), file("d/new")],
    ]) {
      expect(textOf(build([old, upper]))).toBe(textOf(build([[file("d/new")]])));
    }
  });

  it.each([".wh.", ".wh...", ".wh.."])("refuse the name %s", (name) => {
    expect(() => build([[file(name)]])).toThrow(expect.objectContaining({ code: "bad-format" }));
  });
});

describe("paths, native", () => {
  it("makes missing parents, which a later entry takes over", () => {
    const root = build([[file("a/b/c"), directory("a", { uid: 9 })]]);
    expect(listing(root)).toEqual(["a=9", "a/b", "a/b/c"]);
    expect(root.children.get(encodeText("a"))).toMatchObject({ mode: 0o040755, mtimeSec: 0n });
  });

  it.each([
    ["usr/lib", "lib/x"],
    ["/usr/lib", "lib/x"],
    ["../../usr/lib", "lib/x"],
    ["./usr/../usr/lib", "./lib/x"],
  ])("follows a parent that is a symlink to %s", (target, name) => {
    expect(listing(build([[directory("usr/lib"), symlink("lib", target)], [file(name)]]))).toEqual([
      "lib",
      "usr",
      "usr/lib",
      "usr/lib/x",
    ]);
  });

  it("makes what a symlink leads to and is not there", () => {
    expect(listing(build([[symlink("a", "b/c"), file("a/x")]]))).toEqual(["a", "b", "b/c", "b/c/x"]);
  });

  it.each([
    ["a symlink that leads to itself", [symlink("a", "a"), file("a/x")]],
    ["symlinks in a circle", [symlink("a", "b"), symlink("b", "a"), file("a/x")]],
    ["a file as parent", [file("a"), file("a/x")]],
    ["a .. in the path", [file("a/../x")]],
    ["a .. in a link's target", [file("x"), hardlink("a", "../x")]],
    ["a hard link to nothing", [hardlink("a", "x")]],
    ["a hard link to a directory", [directory("d"), hardlink("a", "d")]],
    ["a root that is a file", [file("./")]],
  ])("refuses %s", (_, layer) => {
    expect(() => build([layer])).toThrow(expect.objectContaining({ code: "bad-format" }));
  });

  it("takes deep paths", () => {
    const path = Array.from({ length: 5000 }, () => "d").join("/");
    // The root, 5000 directories, the file, and what follows the last newline.
    expect(textOf(build([[file(`${path}/x`)]])).split("\n")).toHaveLength(5003);
  });
});

describe("replacing", () => {
  it("keeps the children of a directory that comes again, and takes all else from the entry", () => {
    const xattrs = new Map([[encodeText("security.capability"), "x" as ByteString]]);
    const root = build([[directory("d", { xattrs }), file("d/a")], [directory("d", { mode: 0o700, uid: 3 })]]);
    expect(listing(root)).toEqual(["d=3", "d/a"]);
    expect(root.children.get(encodeText("d"))).toMatchObject({ mode: 0o040700, xattrs: NO_XATTRS });
  });

  it.each([
    ["a file over a directory", [[directory("d"), file("d/a")], [file("d")]], ["d"]],
    ["a directory over a file", [[file("d")], [directory("d"), file("d/a")]], ["d", "d/a"]],
    [
      "a directory over a symlink",
      [
        [directory("e"), symlink("d", "e")],
        [directory("d"), file("d/a")],
      ],
      ["d", "d/a", "e"],
    ],
    [
      "a symlink over a directory",
      [
        [directory("d"), file("d/a")],
        [symlink("d", "e"), file("d/b")],
      ],
      ["d", "e", "e/b"],
    ],
  ] as [string, Layer[], string[]][])("%s", (_, layers, expected) => expect(listing(build(layers))).toEqual(expected));
});

describe("the way to an entry", () => {
  it("is looked for again after a whiteout took a symlink away", () => {
    const lower = [directory("d"), symlink("l", "d")];
    expect(listing(build([lower, [file("l/x"), file(".wh.l"), file("l/y")]]))).toEqual(["d", "d/x", "l", "l/y"]);
  });

  it("is looked for again after a whiteout took the directory away, as composefs-rs", () => {
    const layer = [directory("d"), file("d/x"), file(".wh.d")];
    expect(listing(build([layer], "composefs-rs"))).toEqual([]);
    expect(() => build([[...layer, file("d/y")]], "composefs-rs")).toThrow(/not there/);
  });

  it.each([
    ["a file", file("l/l")],
    ["a hard link", hardlink("l/l", "f")],
  ])("is looked for again after %s replaced a symlink on it", (_, replacing) => {
    const layer = [file("f"), symlink("l", "."), replacing];
    expect(listing(build([layer]))).toEqual(["f", "l"]);
    expect(() => build([[...layer, file("l/x")]])).toThrow(/on the way/);
  });

  it("ends with its layer", () => {
    const lower = [directory("d"), symlink("l", "d"), file("l/x")];
    expect(listing(build([lower, [file(".wh.l"), file("l/y")]]))).toEqual(["d", "d/x", "l", "l/y"]);
    expect(listing(build([lower, [file("l/y"), file(".wh.d")]]))).toEqual(["d", "d/y", "l"]);
  });
});

describe("hard links", () => {
  it("belong to the first name, and are counted", () => {
    const root = finish(
      build([[directory("usr"), file("usr/b", 4), hardlink("usr/a", "usr/b"), hardlink("usr/c", "usr/a")]]),
    );
    const usr = root.children.get(encodeText("usr")) as Directory;
    expect(usr.children.get(encodeText("a"))).toMatchObject({ kind: "regular", nlink: 3 });
    expect(usr.children.get(encodeText("b"))).toMatchObject({ kind: "hardlink" });
  });

  it("live on when a name goes, in another layer as well", () => {
    const layers = [[file("a", 4), hardlink("b", "a")], [file(".wh.a")], [hardlink("c", "b")]];
    const root = finish(build(layers));
    expect(listing(root)).toEqual(["b=4", "c=4"]);
    expect(root.children.get(encodeText("b"))).toMatchObject({ nlink: 2 });
  });

  it("may name symlinks, and do not follow them", () => {
    const root = finish(build([[file("x"), symlink("a", "x"), hardlink("b", "a")]]));
    expect(root.children.get(encodeText("b"))).toMatchObject({
      kind: "hardlink",
      target: { kind: "symlink", nlink: 2 },
    });
  });
});

describe("as composefs-rs", () => {
  it.each([
    ["a missing parent", [[file("a/x")]]],
    ["a symlink as parent", [[directory("usr"), symlink("a", "usr"), file("a/x")]]],
    ["a whiteout in a directory that is not there", [[file("a/.wh.x")]]],
    ["a time before 1970", [[entry("regular", "x", { mtimeSec: -1n })]]],
  ])("refuses %s", (_, layers) => {
    expect(() => build(layers, "composefs-rs")).toThrow(expect.objectContaining({ code: "bad-format" }));
  });

  it("refuses sparse files and images without /usr", () => {
    expect(() => build([[entry("regular", "x", { sparse: [] })]], "composefs-rs")).toThrow(/sparse/);
    expect(() => finish(build([[file("x")]], "composefs-rs"), { compat: "composefs-rs" })).toThrow(
      /no directory \/usr/,
    );
  });

  it("lets whiteouts hide what their own layer brought", () => {
    const layer = [directory("d"), file("d/a"), file("d/.wh.a"), file("d/b"), file("d/.wh..wh..opq")];
    expect(listing(build([layer], "composefs-rs"))).toEqual(["d"]);
  });
});

// Random layers over a few names, so that they meet often.
const name = fc.constantFrom("a", "b", "c");
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
const change = fc.record({
  path,
  kind: fc.constantFrom("file", "directory", "whiteout", "opaque"),
  uid: fc.integer({ min: 1, max: 9 }),
});

type Change = { path: string; kind: string; uid: number };

function toEntry({ path, kind, uid }: Change): TarEntry {
  const slash = path.lastIndexOf("/") + 1;
  if (kind === "whiteout") return file(`${path.slice(0, slash)}.wh.${path.slice(slash)}`);
  if (kind === "opaque") return file(`${path}/.wh..wh..opq`);
  return kind === "directory" ? directory(path, { uid }) : file(path, uid);
}

const isHiding = ({ kind }: Change): boolean => kind === "whiteout" || kind === "opaque";

/** Layers in which nothing lies below a file of the same layer, which would be refused. */
function sound(changes: readonly Change[]): Change[] {
  const files = new Set(changes.filter(({ kind }) => kind === "file").map((item) => item.path));
  return changes.filter((item) => {
    const below = item.path.split("/").map((_, index, parts) => parts.slice(0, index + 1).join("/"));
    return (
      !below.slice(0, -1).some((ancestor) => files.has(ancestor)) && !(item.kind !== "file" && files.has(item.path))
    );
  });
}

/** Parents first, as every tar tool writes them, directories of their own for all. */
function withParents(changes: readonly Change[]): Change[] {
  const seen = new Set<string>();
  return changes.flatMap((item) => {
    const parts = item.path.split("/");
    const count = item.kind === "opaque" ? parts.length : parts.length - 1;
    const parents = Array.from({ length: count }, (_, index) => parts.slice(0, index + 1).join("/"));
    const missing = parents.filter((parent) => !seen.has(parent));
    for (const parent of missing) seen.add(parent);
    if (item.kind === "directory") seen.add(item.path);
    return [...missing.map((parent) => ({ path: parent, kind: "directory", uid: 1 })), item];
  });
}

const layers = fc.array(fc.array(change, { maxLength: 8 }).map(sound), { minLength: 1, maxLength: 4 });

/** The plainest reading of the image specification: unpack on top of a map of paths, whiteouts of a layer first. */
function naive(all: readonly (readonly Change[])[]): string[] {
  let tree = new Map<string, { kind: string; uid: number }>();
  const below = (path: string, other: string): boolean => other.startsWith(`${path}/`);
  for (const changes of all) {
    for (const item of changes.filter(isHiding)) {
      tree = new Map(
        [...tree].filter(([path]) => !below(item.path, path) && (item.kind === "opaque" || path !== item.path)),
      );
    }
    for (const item of changes.filter((candidate) => !isHiding(candidate))) {
      if (item.kind === "file") tree = new Map([...tree].filter(([path]) => !below(item.path, path)));
      tree.set(item.path, item);
    }
  }
  return [...tree].map(([path, { uid }]) => `${path}=${uid}`).sort();
}

describe("any layers", () => {
  it("give one tree wherever the whiteouts stand in their layer", () => {
    fc.assert(
      fc.property(layers, fc.infiniteStream(fc.nat()), (all, picks) => {
        const shuffled = all.map((changes) => {
          const rest = changes.filter((item) => !isHiding(item));
          for (const hiding of changes.filter(isHiding)) rest.splice(picks.next().value % (rest.length + 1), 0, hiding);
          return rest;
        });
        const first = all.map((changes) => [...changes.filter(isHiding), ...changes.filter((item) => !isHiding(item))]);
        // A directory that a lower file stands in the way of is refused in one order only.
        const attempt = (list: readonly Change[][]): string => {
          try {
            return textOf(finish(build(list.map((changes) => changes.map(toEntry)))));
          } catch {
            return "refused";
          }
        };
        const [one, other] = [attempt(first), attempt(shuffled)];
        fc.pre(one !== "refused" && other !== "refused");
        expect(other).toBe(one);
      }),
      { numRuns: 300 },
    );
  });

  it("give the tree of a naive unpacker", () => {
    fc.assert(
      fc.property(layers, (all) => {
        const hidingFirst = all.map((changes) => [
          ...changes.filter(isHiding),
          ...sound(withParents(changes.filter((item) => !isHiding(item)))),
        ]);
        expect(listing(build(hidingFirst.map((changes) => changes.map(toEntry))))).toEqual(
          naive(hidingFirst).sort((a, b) => (a.replace(/=.*/, "") < b.replace(/=.*/, "") ? -1 : 1)),
        );
      }),
      { numRuns: 300 },
    );
  });

  it("give composefs-rs's tree when it takes them and whiteouts come first", () => {
    fc.assert(
      fc.property(layers, (all) => {
        const base: Change[] = [{ path: "usr", kind: "directory", uid: 2 }];
        const list = [base, ...all].map((changes) =>
          [...changes.filter(isHiding), ...withParents(changes.filter((item) => !isHiding(item)))].map(toEntry),
        );
        let theirs: string;
        try {
          theirs = textOf(finish(build(list, "composefs-rs"), { compat: "composefs-rs" }));
        } catch {
          return;
        }
        expect(textOf(finish(build(list)))).toBe(theirs);
      }),
      { numRuns: 300 },
    );
  });
});
