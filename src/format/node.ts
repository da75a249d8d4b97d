// A file-system tree as a value: what a composefs dump and an EROFS image both say, and what OCI layers add up to.
// The types live among the formats because dump, erofs and the tree rules share them.

import type { ByteString } from "./bytes.ts";
import type { VerityDigest } from "./digest.ts";

/** File type bits of st_mode, inode(7). */
export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o060000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFIFO = 0o010000;

/** Files up to this many bytes lie inside the image; larger ones are objects (INLINE_CONTENT_MAX of composefs). */
export const INLINE_CONTENT_MAX = 64;

/** Full name (`security.capability`) to value. */
export type Xattrs = ReadonlyMap<ByteString, ByteString>;

/** The shared empty map: most inodes have no xattrs, and a Map each would cost 200 bytes. */
export const NO_XATTRS: Xattrs = new Map();

export interface Metadata {
  /** Low 16 bits of st_mode, file type bits included. */
  mode: number;
  uid: number;
  gid: number;
  /** Seconds since 1970, signed 64 bits. */
  mtimeSec: bigint;
  /** Unsigned 32 bits; a proper time has less than 10^9. */
  mtimeNsec: number;
  xattrs: Xattrs;
}

export interface Directory extends Metadata {
  kind: "directory";
  /** In any order: formats that need one sort for themselves. */
  children: Map<ByteString, Node>;
  /** Bytes that an image says the directory takes; a dump shows it, nothing needs it. */
  size?: number;
}

/** What every inode that can have several names has. */
interface LeafMetadata extends Metadata {
  /** Link count as it is to be written. */
  nlink: number;
}

export interface Regular extends LeafMetadata {
  kind: "regular";
  /** Content length in bytes, at most 2^53. */
  size: number;
  /** The content itself when it lies inside the image. */
  content: ByteString | undefined;
  /** Where overlayfs finds the content, relative to the object store (`ab/cdef…`), when it does not. */
  payload: ByteString | undefined;
  /** fs-verity digest of external content, where it is known. */
  digest: VerityDigest | undefined;
}

export interface Symlink extends LeafMetadata {
  kind: "symlink";
  target: ByteString;
}

export interface Device extends LeafMetadata {
  kind: "character" | "block";
  /** The kernel's 32-bit encoding (`makeDevice`). */
  rdev: number;
  /** A size that a dump claims for what has none: it is not written, but one above 4 GiB makes the inode extended. */
  declaredSize?: number;
}

export interface Special extends LeafMetadata {
  kind: "fifo" | "socket";
  /** As for a device. */
  declaredSize?: number;
}

export type Leaf = Regular | Symlink | Device | Special;

/** A further name of an inode that has its place elsewhere in the tree. */
export interface HardLink {
  kind: "hardlink";
  target: Leaf;
}

export type Node = Directory | Leaf | HardLink;

/** Linux new_encode_dev (include/linux/kdev_t.h): minor's low byte, 12 bits of major, minor's upper bits. */
export function makeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12)) >>> 0;
}

export function deviceMajor(rdev: number): number {
  return (rdev >>> 8) & 0xfff;
}

export function deviceMinor(rdev: number): number {
  return ((rdev & 0xff) | ((rdev >>> 12) & 0xfff00)) >>> 0;
}
