// What changes between two finished trees, name by name. Pure: what a change costs (objects to fetch) is for the caller to
// say, from the digests of the inodes.

import type { ByteString } from "../format/bytes.ts";
import type { Directory, Leaf, Node, Xattrs } from "../format/node.ts";
import { inodeOf, sortedNames } from "./walk.ts";

export interface TreeChange {
  /** Absolute; "/" is the root. */
  readonly path: ByteString;
  /** The inode of the first tree; undefined when the name is new. */
  readonly before: Directory | Leaf | undefined;
  /** The inode of the second tree; undefined when the name is gone. */
  readonly after: Directory | Leaf | undefined;
  /** Type, file content, link target or device number differ, or there is only one side. Names in a directory do not count. */
  readonly content: boolean;
  /** Mode, owner, mtime or xattrs differ, or there is only one side. The link count does not count. */
  readonly metadata: boolean;
}

/**
 * The names that differ, depth first and in byte order, a directory before what is in it. When a directory is added,
 * removed or replaced, so is everything in it.
 */
export function* diffTrees(before: Directory, after: Directory): Generator<TreeChange, void, undefined> {
  const root = compare("/" as ByteString, before, after);
  if (root !== undefined) yield root;
  const stack = [openPair("", before, after)];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const name = top.names.pop();
    if (name === undefined) {
      stack.pop();
      continue;
    }
    const path = `${top.path}/${name}` as ByteString;
    const one = top.before?.children.get(name);
    const other = top.after?.children.get(name);
    const change = compare(path, one, other);
    if (change !== undefined) yield change;
    if (one?.kind === "directory" || other?.kind === "directory") stack.push(openPair(path, one, other));
  }
}

interface Pair {
  readonly path: string;
  readonly before: Directory | undefined;
  readonly after: Directory | undefined;
  /** In reverse, so that they are taken from the end. */
  readonly names: ByteString[];
}

function openPair(path: string, one: Node | undefined, other: Node | undefined): Pair {
  const before = one?.kind === "directory" ? one : undefined;
  const after = other?.kind === "directory" ? other : undefined;
  const single = before ?? after;
  const names =
    before !== undefined && after !== undefined
      ? [...new Set([...before.children.keys(), ...after.children.keys()])].sort()
      : single === undefined
        ? []
        : sortedNames(single);
  return { path, before, after, names: names.reverse() };
}

function compare(path: ByteString, one: Node | undefined, other: Node | undefined): TreeChange | undefined {
  const before = one === undefined ? undefined : inodeOf(one);
  const after = other === undefined ? undefined : inodeOf(other);
  if (before === undefined || after === undefined) return { path, before, after, content: true, metadata: true };
  const content = !hasSameContent(before, after);
  const metadata = !hasSameMetadata(before, after);
  return content || metadata ? { path, before, after, content, metadata } : undefined;
}

function hasSameContent(a: Directory | Leaf, b: Directory | Leaf): boolean {
  if (a.kind !== b.kind) return false;
  if (a.kind === "regular" && b.kind === "regular") {
    if (a.size !== b.size || a.content !== b.content) return false;
    // Where a digest is not known, only the object's name can tell.
    return a.digest !== undefined && b.digest !== undefined ? a.digest === b.digest : a.payload === b.payload;
  }
  if (a.kind === "symlink" && b.kind === "symlink") return a.target === b.target;
  if ("rdev" in a && "rdev" in b) return a.rdev === b.rdev;
  return true;
}

function hasSameMetadata(a: Directory | Leaf, b: Directory | Leaf): boolean {
  return (
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.mtimeSec === b.mtimeSec &&
    a.mtimeNsec === b.mtimeNsec &&
    hasSameXattrs(a.xattrs, b.xattrs)
  );
}

function hasSameXattrs(a: Xattrs, b: Xattrs): boolean {
  if (a.size !== b.size) return false;
  for (const [name, value] of a) if (b.get(name) !== value) return false;
  return true;
}
