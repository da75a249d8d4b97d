// The last rules before an image is written, those of composefs-rs ("transform_for_oci"): the root's metadata is that of
// /usr, /run is emptied, xattrs are filtered, and hard links get an owner and a count.

import { Oci2cfsError } from "../errors.ts";
import type { ByteString } from "../format/bytes.ts";
import type { VerityDigest } from "../format/digest.ts";
import type { Directory, Leaf } from "../format/node.ts";
import { makeBootable } from "./boot.ts";
import type { Compat } from "./build.ts";
import { IMPLIED } from "./implied.ts";
import { selectXattrs, visit, walkTree } from "./walk.ts";

export interface FinishOptions {
  readonly compat: Compat;
  /** `allowlist`: security.capability only; `keep-user`: user.* as well. */
  readonly xattrs: "allowlist" | "keep-user" | "all";
  readonly bootable: boolean;
  /** Gives an object's content; asked only for the few files whose text matters to a bootable image. */
  readContent(digest: VerityDigest): Buffer;
}

/**
 * Finishes a built tree in place.
 * @throws Oci2cfsError `unsupported` for an image that cannot be converted this way.
 */
export function finishTree(root: Directory, options: FinishOptions): Directory {
  const usr = root.children.get("usr" as ByteString);
  if (usr?.kind === "directory") {
    const { mode, uid, gid, mtimeSec, mtimeNsec, xattrs } = usr;
    Object.assign(root, { mode, uid, gid, mtimeSec, mtimeNsec, xattrs });
  } else if (options.compat === "composefs-rs") {
    throw new Oci2cfsError("unsupported", "the image has no directory /usr, and composefs-rs does not take it");
  } else {
    Object.assign(root, IMPLIED);
  }
  const run = root.children.get("run" as ByteString);
  if (run?.kind === "directory") {
    run.children.clear();
    run.mtimeSec = root.mtimeSec;
    run.mtimeNsec = root.mtimeNsec;
  }
  if (options.xattrs !== "all") filterXattrs(root, options.xattrs);
  if (options.bootable) makeBootable(root, options);
  settleHardLinks(root);
  return root;
}

const CAPABILITY = "security.capability" as ByteString;

function filterXattrs(root: Directory, mode: "allowlist" | "keep-user"): void {
  const keep = (name: ByteString): boolean => name === CAPABILITY || (mode === "keep-user" && name.startsWith("user."));
  visit(root, (node) => {
    node.xattrs = selectXattrs(node.xattrs, keep);
  });
}

/** The first name, depth first in byte order, keeps the inode; the others become hard links to it. */
function settleHardLinks(root: Directory): void {
  visit(root, (node) => {
    if (node.kind !== "directory") node.nlink = 0;
  });
  let several = false;
  visit(root, (node) => {
    if (node.kind !== "directory" && ++node.nlink > 1) several = true;
  });
  if (!several) return;
  const owned = new Set<Leaf>();
  for (const { parent, name, node } of walkTree(root)) {
    if (node.kind === "directory" || node.kind === "hardlink" || node.nlink === 1) continue;
    if (owned.has(node)) parent.children.set(name, { kind: "hardlink", target: node });
    else owned.add(node);
  }
}
