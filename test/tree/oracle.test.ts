// The tree builder against a naive model in both dialects: a map from path strings to inodes, each with the layer that
// brought it. Random layers have everything in them: whiteouts anywhere, missing parents, symlinks on the way, hard links.

import fc from "fast-check";
import { expect, it } from "vitest";
import { Oci2cfsError } from "../../src/errors.ts";
import type { Directory } from "../../src/format/node.ts";
import type { TarEntry } from "../../src/format/tar/entry.ts";
import { type Compat, TreeBuilder } from "../../src/tree/build.ts";
import { inodeOf, walkTree } from "../../src/tree/walk.ts";
import { directory, entry, file, finish, hardlink, symlink } from "./layers.ts";

interface Change {
  readonly kind: "file" | "directory" | "symlink" | "hardlink" | "whiteout" | "opaque";
  readonly path: string;
  /** Of a symlink or hard link. */
  readonly target: string;
}

/** An inode of the model: two paths that share one are hard links. */
interface Inode {
  readonly kind: "file" | "directory" | "symlink";
  readonly target: string;
  /** Tells the entries apart; 0 is a directory that no entry made. */
  uid: number;
}

class Refused extends Error {}

class Model {
  readonly #native: boolean;
  readonly #names = new Map<string, { inode: Inode; layer: number }>();
  #layer = 0;

  constructor(compat: Compat) {
    this.#native = compat === "native";
  }

  beginLayer(): void {
    this.#layer++;
  }

  apply({ kind, path, target }: Change, uid: number): void {
    const parts = path.split("/");
    const name = parts.pop() ?? "";
    if (kind === "whiteout" || kind === "opaque")
      return this.#hide(kind === "opaque" ? [...parts, name] : parts, kind, name);
    let inode: Inode = { kind: kind === "hardlink" ? "file" : kind, target: kind === "symlink" ? target : "", uid };
    if (kind === "hardlink") {
      const targetParts = target.split("/");
      const targetName = targetParts.pop() ?? "";
      const parent = this.#resolve(targetParts);
      const found = parent === undefined ? undefined : this.#names.get([...parent, targetName].join("/"))?.inode;
      if (found === undefined || found.kind === "directory") throw new Refused("hard link");
      inode = found;
    }
    const parent = this.#resolve(parts);
    if (parent === undefined) throw new Refused("parent is no directory");
    for (let count = 1; count <= parent.length; count++) {
      const above = parent.slice(0, count).join("/");
      if (this.#names.has(above)) continue;
      if (!this.#native) throw new Refused("no parent");
      this.#names.set(above, { inode: { kind: "directory", target: "", uid: 0 }, layer: this.#layer });
    }
    const place = [...parent, name].join("/");
    const isMerge = kind === "directory" && this.#names.get(place)?.inode.kind === "directory";
    if (!isMerge) for (const other of this.#below(place)) this.#names.delete(other);
    this.#names.set(place, { inode, layer: this.#layer });
  }

  #below(path: string): string[] {
    return [...this.#names.keys()].filter((other) => other.startsWith(path === "" ? "" : `${path}/`));
  }

  #hide(parts: string[], kind: "whiteout" | "opaque", name: string): void {
    const parent = this.#resolve(parts);
    const isThere = parent?.every((_, index) => this.#names.has(parent.slice(0, index + 1).join("/")));
    if (parent === undefined || isThere !== true) {
      if (this.#native) return;
      throw new Refused("no directory");
    }
    const place = (kind === "opaque" ? parent : [...parent, name]).join("/");
    const hidden = kind === "opaque" ? this.#below(place) : [place, ...this.#below(place)];
    const isOurs = (path: string): boolean => this.#native && this.#names.get(path)?.layer === this.#layer;
    const kept = hidden.filter((path) => isOurs(path) || this.#below(path).some(isOurs));
    for (const path of hidden) {
      const node = this.#names.get(path);
      if (!kept.includes(path)) this.#names.delete(path);
      else if (node !== undefined && !isOurs(path)) node.inode.uid = 0;
    }
  }

  /** Where the path leads; behind what is missing it just goes on. Undefined when something is in the way. */
  #resolve(parts: string[]): string[] | undefined {
    let place: string[] = [];
    const pending = [...parts];
    let links = 0;
    for (let part = pending.shift(); part !== undefined; part = pending.shift()) {
      if (part === "" || part === ".") continue;
      if (part === "..") {
        place.pop();
        continue;
      }
      const inode = this.#names.get([...place, part].join("/"))?.inode;
      if (inode === undefined || inode.kind === "directory") place.push(part);
      else if (inode.kind === "file" || !this.#native) return undefined;
      else {
        if (++links > 40) throw new Refused("symlinks");
        if (inode.target.startsWith("/")) place = [];
        pending.unshift(...inode.target.split("/"));
      }
    }
    return place;
  }

  list(): string[] {
    return listInodes([...this.#names].map(([path, { inode }]) => ({ path, inode, ...inode })));
  }
}

/** `path kind uid target`, and which first path the inode is shared with. */
function listInodes(
  names: readonly { path: string; inode: object; kind: string; uid: number; target: string }[],
): string[] {
  const first = new Map<object, string>();
  // Slashes sort before all other bytes: depth first.
  return [...names]
    .map((name) => ({ ...name, key: name.path.replaceAll("/", "\0") }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ path, inode, kind, uid, target }) => {
      const owner = first.get(inode);
      if (owner === undefined) first.set(inode, path);
      return `${path} ${kind} ${uid} ${target} ${owner ?? ""}`;
    });
}

function listTree(root: Directory): string[] {
  return listInodes(
    [...walkTree(root)].map(({ path, node }) => {
      const inode = inodeOf(node);
      return {
        path: path.slice(1),
        inode,
        kind: inode.kind === "regular" ? "file" : inode.kind,
        uid: inode.uid,
        target: inode.kind === "symlink" ? inode.target : "",
      };
    }),
  );
}

function toEntry({ kind, path, target }: Change, uid: number): TarEntry {
  const slash = path.lastIndexOf("/") + 1;
  switch (kind) {
    case "file":
      return file(path, uid);
    case "directory":
      return directory(`./${path}/`, { uid });
    case "symlink":
      return { ...symlink(path, target), uid };
    case "hardlink":
      return hardlink(path, target);
    case "whiteout":
      return entry("regular", `${path.slice(0, slash)}.wh.${path.slice(slash)}`);
    case "opaque":
      return entry("regular", `${path}/.wh..wh..opq`);
  }
}

const name = fc.constantFrom("a", "b", "c");
// Short paths mostly: composefs-rs refuses what has no parents.
const path = fc
  .oneof(
    { weight: 2, arbitrary: fc.tuple(name) },
    { weight: 3, arbitrary: fc.tuple(name, name) },
    fc.tuple(name, name, name),
  )
  .map((parts) => parts.join("/"));
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("file", "directory", "directory", "whiteout", "opaque"),
    path,
    target: fc.constant(""),
  }),
  fc.record({ kind: fc.constant("hardlink"), path, target: path }),
  fc.record({
    kind: fc.constant("symlink"),
    path,
    target: fc
      .tuple(fc.constantFrom("", "/", "../", "./", "b/../", "/../"), path, fc.constantFrom("", "/..", "/."))
      .map((parts) => parts.join("")),
  }),
) as fc.Arbitrary<Change>;
const layers = fc.array(fc.array(change, { maxLength: 12 }), { minLength: 1, maxLength: 4 });

it.each(["native", "composefs-rs"] as const)(
  "%s: any layers give the model's tree, and errors where it has them",
  (compat) => {
    let applied = 0;
    let refused = 0;
    fc.assert(
      fc.property(layers, (all) => {
        const model = new Model(compat);
        const builder = new TreeBuilder({ compat });
        let uid = 0;
        for (const changes of all) {
          model.beginLayer();
          builder.beginLayer();
          for (const item of changes) {
            uid++;
            let isRefused = false;
            try {
              model.apply(item, uid);
            } catch (error) {
              if (!(error instanceof Refused)) throw error;
              isRefused = true;
            }
            // What is refused leaves the tree as it was, so that the rest of the layers can be tried as well.
            if (isRefused) expect(() => builder.apply(toEntry(item, uid), undefined)).toThrow(Oci2cfsError);
            else builder.apply(toEntry(item, uid), undefined);
            if (isRefused) refused++;
            else applied++;
            expect(listTree(builder.root)).toEqual(model.list());
          }
          builder.endLayer();
        }
        const before = model.list();
        const root = finish(builder.root);
        expect(listTree(root)).toEqual(before);
        const names = new Map<object, number>();
        for (const { node } of walkTree(root)) {
          const inode = inodeOf(node);
          const count = names.get(inode) ?? 0;
          expect(node.kind === "hardlink").toBe(count > 0);
          names.set(inode, count + 1);
        }
        for (const [inode, count] of names) if ("nlink" in inode) expect(inode.nlink).toBe(count);
      }),
      { numRuns: 400 },
    );
    // Both must come often, or this shows little.
    expect(applied).toBeGreaterThan(1000);
    expect(refused).toBeGreaterThan(100);
  },
);
