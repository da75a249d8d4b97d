// What overlayfs must find in an inode's xattrs so that a composefs mount shows the tree: user xattrs in overlay's
// namespace escaped, external content as metacopy and redirect, whiteouts turned into files that overlayfs unescapes
// (kernel Documentation/filesystems/overlayfs.rst "Nesting overlayfs mounts", struct ovl_metacopy in fs/overlayfs).

import { type ByteString, compareBytes } from "../bytes.ts";
import { hashes, type VerityDigest, verityAlgorithm } from "../digest.ts";
import type { Directory, Leaf, Metadata, Regular, Xattrs } from "../node.ts";
import {
  XATTR_ESCAPED_OPAQUE,
  XATTR_ESCAPED_WHITEOUT,
  XATTR_ESCAPED_WHITEOUTS,
  XATTR_OPAQUE,
  XATTR_OVERLAY_ESCAPE,
  XATTR_OVERLAY_PREFIX,
  XATTR_USER_OPAQUE,
  XATTR_USER_WHITEOUT,
  XATTR_USER_WHITEOUTS,
} from "./layout.ts";
import { NO_PAIRS, type XattrPair, type XattrTable } from "./xattrs.ts";

const EMPTY = "" as ByteString;
const OPAQUE_WHITEOUTS = "x" as ByteString;
const OPAQUE = "y" as ByteString;
const METACOPY_HEADER_SIZE = 4;

/** A character device 0:0: what an overlay's upper layer has in place of a name that is gone. */
export function isWhiteout(node: Leaf | Directory): boolean {
  return node.kind === "character" && node.rdev === 0;
}

/** A regular file whose content lies outside of the image. */
export type ExternalFile = Regular & { readonly content: "" | undefined };

export function isExternal(node: Leaf | Directory): node is ExternalFile {
  return node.kind === "regular" && node.size > 0 && (node.content === undefined || node.content.length === 0);
}

/**
 * A leaf's pairs besides metacopy and redirect, in the byte order of their names, each counted as used. The map must be
 * within the format's limits.
 */
export function leafXattrs(table: XattrTable, leaf: Leaf): readonly XattrPair[] {
  if (isWhiteout(leaf)) {
    const values = escapeXattrs(leaf.xattrs);
    values.set(XATTR_ESCAPED_WHITEOUT, EMPTY);
    values.set(XATTR_USER_WHITEOUT, EMPTY);
    return usePairs(table, values);
  }
  return leaf.xattrs.size === 0 ? NO_PAIRS : usePairs(table, leaf.xattrs, escapeName);
}

export interface DirectoryMarks {
  readonly isRoot: boolean;
  /** Set when a child is a whiteout: the composefs version of the image. */
  readonly whiteouts: number | undefined;
}

export function directoryXattrs(table: XattrTable, directory: Metadata, marks: DirectoryMarks): readonly XattrPair[] {
  if (directory.xattrs.size === 0 && !marks.isRoot && marks.whiteouts === undefined) return NO_PAIRS;
  const values = escapeXattrs(directory.xattrs);
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

function usePairs(
  table: XattrTable,
  values: Xattrs,
  rename: (name: ByteString) => ByteString = (name) => name,
): readonly XattrPair[] {
  const pairs: XattrPair[] = [];
  for (const [name, value] of values) pairs.push(table.use(rename(name), value));
  return pairs.length === 1 ? pairs : pairs.sort((a, b) => compareBytes(a.name.full, b.name.full));
}

function escapeXattrs(xattrs: Xattrs): Map<ByteString, ByteString> {
  const values = new Map<ByteString, ByteString>();
  for (const [name, value] of xattrs) values.set(escapeName(name), value);
  return values;
}

function escapeName(name: ByteString): ByteString {
  if (!name.startsWith(XATTR_OVERLAY_PREFIX)) return name;
  return (XATTR_OVERLAY_ESCAPE + name.slice(XATTR_OVERLAY_PREFIX.length)) as ByteString;
}

/** struct ovl_metacopy: version 0, total length, flags 0, hash algorithm, digest. Empty when the digest is not known. */
export function metacopyValue(digest: VerityDigest | undefined): ByteString {
  if (digest === undefined) return EMPTY;
  const { id } = hashes[verityAlgorithm(digest)];
  const header = String.fromCharCode(0, metacopyLength(digest), 0, id);
  return (header + Buffer.from(digest, "hex").toString("latin1")) as ByteString;
}

export function metacopyLength(digest: VerityDigest | undefined): number {
  return digest === undefined ? 0 : METACOPY_HEADER_SIZE + hashes[verityAlgorithm(digest)].size;
}

/** Where overlayfs finds the content, from the root of the data layer. */
export function redirectValue(payload: string): ByteString {
  return `/${payload}` as ByteString;
}
