// What overlayfs must find in an inode's xattrs so that a composefs mount shows the tree: user xattrs in overlay's
// namespace escaped, external content as metacopy and redirect, whiteouts turned into files that overlayfs unescapes
// (kernel Documentation/filesystems/overlayfs.rst "Nesting overlayfs mounts", struct ovl_metacopy in fs/overlayfs).

import { Oci2cfsError } from "../../errors.ts";
import { type ByteString, compareBytes, printable } from "../bytes.ts";
import { hashes, type VerityDigest, verityAlgorithm } from "../digest.ts";
import type { Directory, Leaf, Metadata, Xattrs } from "../node.ts";
import {
  MAX_XATTR_BUDGET,
  MAX_XATTR_NAME_LENGTH,
  MAX_XATTR_VALUE_LENGTH,
  XATTR_ESCAPED_OPAQUE,
  XATTR_ESCAPED_WHITEOUT,
  XATTR_ESCAPED_WHITEOUTS,
  XATTR_HEADER_SIZE,
  XATTR_METACOPY,
  XATTR_OPAQUE,
  XATTR_OVERLAY_ESCAPE,
  XATTR_OVERLAY_PREFIX,
  XATTR_REDIRECT,
  XATTR_USER_OPAQUE,
  XATTR_USER_WHITEOUT,
  XATTR_USER_WHITEOUTS,
} from "./layout.ts";
import type { XattrPair, XattrTable } from "./xattrs.ts";

const EMPTY = "" as ByteString;
const OPAQUE_WHITEOUTS = "x" as ByteString;
const OPAQUE = "y" as ByteString;
const NONE: readonly XattrPair[] = [];

/** A character device 0:0: what an overlay's upper layer has in place of a name that is gone. */
export function isWhiteout(node: Leaf | Directory): boolean {
  return node.kind === "character" && node.rdev === 0;
}

/** True for regular files whose content lies outside of the image. */
export function isExternal(node: Leaf | Directory): boolean {
  return node.kind === "regular" && node.size > 0 && (node.content === undefined || node.content.length === 0);
}

/** An inode's pairs in the byte order of their names, each counted as used. */
export function leafXattrs(table: XattrTable, leaf: Leaf, path: () => string): readonly XattrPair[] {
  const external = isExternal(leaf);
  if (leaf.xattrs.size === 0 && leaf.kind === "regular" && external) {
    // Most inodes of an OS: nothing to merge or sort.
    const pairs = [table.use(XATTR_METACOPY, metacopyValue(leaf.digest))];
    if (leaf.payload !== undefined) pairs.push(table.use(XATTR_REDIRECT, `/${leaf.payload}` as ByteString));
    return pairs;
  }
  if (leaf.xattrs.size === 0 && !isWhiteout(leaf)) return NONE;
  const values = escapeXattrs(leaf.xattrs, path);
  if (leaf.kind === "regular" && external) {
    values.set(XATTR_METACOPY, metacopyValue(leaf.digest));
    if (leaf.payload !== undefined) values.set(XATTR_REDIRECT, `/${leaf.payload}` as ByteString);
  }
  if (isWhiteout(leaf)) {
    values.set(XATTR_ESCAPED_WHITEOUT, EMPTY);
    values.set(XATTR_USER_WHITEOUT, EMPTY);
  }
  return usePairs(table, values);
}

export interface DirectoryMarks {
  readonly isRoot: boolean;
  /** Set when a child is a whiteout: the composefs version of the image. */
  readonly whiteouts: number | undefined;
}

export function directoryXattrs(
  table: XattrTable,
  directory: Metadata,
  marks: DirectoryMarks,
  path: () => string,
): readonly XattrPair[] {
  if (directory.xattrs.size === 0 && !marks.isRoot && marks.whiteouts === undefined) return NONE;
  const values = escapeXattrs(directory.xattrs, path);
  if (marks.whiteouts !== undefined) {
    values.set(XATTR_ESCAPED_WHITEOUTS, EMPTY);
    values.set(XATTR_USER_WHITEOUTS, EMPTY);
    if (marks.whiteouts >= 1) {
      values.set(XATTR_ESCAPED_OPAQUE, OPAQUE_WHITEOUTS);
      values.set(XATTR_USER_OPAQUE, OPAQUE_WHITEOUTS);
    }
  }
  // After the escaping: an opaque mark of the user's own is under its escaped name by now.
  if (marks.isRoot) values.set(XATTR_OPAQUE, OPAQUE);
  return usePairs(table, values);
}

function usePairs(table: XattrTable, values: ReadonlyMap<ByteString, ByteString>): readonly XattrPair[] {
  return [...values.keys()].sort(compareBytes).map((name) => table.use(name, values.get(name) ?? EMPTY));
}

/** @throws Oci2cfsError `unsupported` for more or larger xattrs than the format holds. */
function escapeXattrs(xattrs: Xattrs, path: () => string): Map<ByteString, ByteString> {
  const values = new Map<ByteString, ByteString>();
  let budget = XATTR_HEADER_SIZE;
  for (const [name, value] of xattrs) {
    const escaped = name.startsWith(XATTR_OVERLAY_PREFIX)
      ? ((XATTR_OVERLAY_ESCAPE + name.slice(XATTR_OVERLAY_PREFIX.length)) as ByteString)
      : name;
    budget += 7 + name.length + value.length;
    if (name.length === 0 || escaped.length > MAX_XATTR_NAME_LENGTH || name.includes("\0")) {
      throw new Oci2cfsError(
        "unsupported",
        `erofs: ${path()}: xattr name "${printable(name).slice(0, 80)}" is not valid`,
      );
    }
    if (value.length > MAX_XATTR_VALUE_LENGTH || budget > MAX_XATTR_BUDGET) {
      throw new Oci2cfsError(
        "unsupported",
        `erofs: ${path()}: xattrs take more than the ${MAX_XATTR_BUDGET} bytes that an inode can have`,
      );
    }
    values.set(escaped, value);
  }
  return values;
}

/** struct ovl_metacopy: version 0, total length, flags 0, hash algorithm, digest. Empty when the digest is not known. */
function metacopyValue(digest: VerityDigest | undefined): ByteString {
  if (digest === undefined) return EMPTY;
  const { id, size } = hashes[verityAlgorithm(digest)];
  const header = String.fromCharCode(0, 4 + size, 0, id);
  return (header + Buffer.from(digest, "hex").toString("latin1")) as ByteString;
}
