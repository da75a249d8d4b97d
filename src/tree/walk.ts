// Going through a tree, and one thing that is done everywhere in it.

import type { ByteString } from "../format/bytes.ts";
import { type Directory, type Leaf, NO_XATTRS, type Xattrs } from "../format/node.ts";

export function selectXattrs(xattrs: Xattrs, keep: (name: ByteString) => boolean): Xattrs {
  if (xattrs.size === 0) return xattrs;
  const kept = [...xattrs].filter(([name]) => keep(name));
  if (kept.length === xattrs.size) return xattrs;
  return kept.length === 0 ? NO_XATTRS : new Map(kept);
}

/** Calls for every inode, once for each of its names, in no order. */
export function visit(root: Directory, work: (node: Directory | Leaf) => void): void {
  const pending: Directory[] = [root];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    work(directory);
    for (const child of directory.children.values()) {
      if (child.kind === "directory") pending.push(child);
      else work(child.kind === "hardlink" ? child.target : child);
    }
  }
}
