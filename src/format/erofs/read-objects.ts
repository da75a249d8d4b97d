// Which objects an image needs: what `composefs-info objects` lists, and what a garbage collection must keep.

import type { ByteString } from "../bytes.ts";
import type { VerityDigest } from "../digest.ts";
import type { Directory, Node } from "../node.ts";
import { isExternal } from "./overlay.ts";

/**
 * Every place where overlayfs looks for content, relative to the object store (`ab/cdef…`), with the digest that it must
 * have where the image says so. Files whose image names no place are left out: nothing can be kept for them.
 */
export function referencedObjects(root: Directory): ReadonlyMap<ByteString, VerityDigest | undefined> {
  const objects = new Map<ByteString, VerityDigest | undefined>();
  const pending: Directory[] = [root];
  const note = (node: Node): void => {
    if (node.kind === "directory") pending.push(node);
    // A hard link's target has its own place in the tree.
    else if (node.kind !== "hardlink" && isExternal(node) && node.payload) {
      objects.set(node.payload, node.digest ?? objects.get(node.payload));
    }
  };
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) next.children.forEach(note);
  return objects;
}
