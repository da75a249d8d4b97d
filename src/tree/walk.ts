// Going through a tree, and one thing that is done everywhere in it.

import type { ByteString } from "../format/bytes.ts";
import { type Directory, type Leaf, NO_XATTRS, type Node, type Xattrs } from "../format/node.ts";

export function selectXattrs(xattrs: Xattrs, keep: (name: ByteString) => boolean): Xattrs {
  if (xattrs.size === 0) return xattrs;
  const kept = [...xattrs].filter(([name]) => keep(name));
  if (kept.length === xattrs.size) return xattrs;
  return kept.length === 0 ? NO_XATTRS : new Map(kept);
}

/** What a name stands for, be it the inode's owner or a further hard link. */
export function inodeOf(node: Node): Directory | Leaf {
  return node.kind === "hardlink" ? node.target : node;
}

/** Calls for every inode, once for each of its names, in no order. */
export function visit(root: Directory, work: (node: Directory | Leaf) => void): void {
  const pending: Directory[] = [root];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    work(directory);
    for (const child of directory.children.values()) {
      if (child.kind === "directory") pending.push(child);
      else work(inodeOf(child));
    }
  }
}

export interface TreeEntry {
  /** Absolute: `/usr/bin`. */
  readonly path: ByteString;
  readonly name: ByteString;
  readonly parent: Directory;
  readonly node: Node;
}

/**
 * Everything below the root: depth first, names in byte order, a directory before what is in it. A child may be replaced
 * by a leaf while its entry is being looked at.
 */
export function* walkTree(root: Directory): Generator<TreeEntry, void, undefined> {
  // Names are taken from the end; no recursion, since a tar can nest directories deeper than the stack goes.
  const stack = [{ directory: root, path: "", names: sortedNames(root).reverse() }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const name = top.names.pop();
    if (name === undefined) {
      stack.pop();
      continue;
    }
    const node = top.directory.children.get(name);
    if (node === undefined) continue;
    const path = `${top.path}/${name}` as ByteString;
    if (node.kind === "directory") stack.push({ directory: node, path, names: sortedNames(node).reverse() });
    yield { path, name, parent: top.directory, node };
  }
}

export function sortedNames(directory: Directory): ByteString[] {
  return [...directory.children.keys()].sort();
}

/** What is at a path (`/usr/bin`, `usr/bin`, or "" for the root). Symlinks are not followed, and `..` is a name like any other. */
export function lookup(root: Directory, path: ByteString): Node | undefined {
  let node: Node = root;
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    const child: Node | undefined = node.kind === "directory" ? node.children.get(part as ByteString) : undefined;
    if (child === undefined) return undefined;
    node = child;
  }
  return node;
}
