// OSTree objects, bytes and names: dirmeta, dirtree, file and commit (libostree's ostree-core.h, "Repository format"). Integers
// in them are big endian; the name of an object is the sha256 of its bytes.

import { createHash } from "node:crypto";
import { type ByteString, compareBytes, toBuffer } from "./bytes.ts";
import type { OstreeChecksum } from "./digest.ts";
import {
  array,
  byteArray,
  type ChildType,
  dictEntry,
  string,
  tuple,
  uint32BigEndian,
  uint64BigEndian,
  type Variant,
  variant,
} from "./gvariant.ts";
import { S_IFDIR, S_IFLNK, S_IFREG, type Xattrs } from "./node.ts";

/** The kinds of object, which are also their file name endings. */
export type ObjectKind = "dirmeta" | "dirtree" | "commit" | "file";

export interface MetadataObject {
  readonly checksum: OstreeChecksum;
  readonly bytes: Buffer;
}

export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits; the file type is added. */
  readonly permissions: number;
  readonly xattrs: Xattrs;
}

function checksumOf(...pieces: readonly Buffer[]): OstreeChecksum {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return hash.digest("hex") as OstreeChecksum;
}

function metadataObject(value: Variant): MetadataObject {
  return { checksum: checksumOf(value.bytes), bytes: value.bytes };
}

const xattrType: ChildType = { type: "(ayay)", alignment: 1, fixedSize: false };

/** Sorted by name; names end with NUL. */
function xattrsVariant(xattrs: Xattrs): Variant {
  const pairs = [...xattrs].sort(([a], [b]) => compareBytes(a, b));
  return array(
    xattrType,
    pairs.map(([name, value]) =>
      tuple(byteArray(Buffer.concat([toBuffer(name), Buffer.from([0])])), byteArray(toBuffer(value))),
    ),
  );
}

/** `(uuua(ayay))`: a directory's owner, mode and xattrs. */
export function encodeDirmeta({ uid, gid, permissions, xattrs }: Ownership): MetadataObject {
  return metadataObject(ownershipVariant({ uid, gid, mode: S_IFDIR | permissions, xattrs }));
}

function ownershipVariant(stat: { uid: number; gid: number; mode: number; xattrs: Xattrs }): Variant {
  const { uid, gid, mode, xattrs } = stat;
  return tuple(uint32BigEndian(uid), uint32BigEndian(gid), uint32BigEndian(mode), xattrsVariant(xattrs));
}

export interface DirtreeEntries {
  readonly files: readonly { readonly name: ByteString; readonly checksum: OstreeChecksum }[];
  readonly directories: readonly {
    readonly name: ByteString;
    readonly dirtree: OstreeChecksum;
    readonly dirmeta: OstreeChecksum;
  }[];
}

const checksumVariant = (checksum: OstreeChecksum): Variant => byteArray(Buffer.from(checksum, "hex"));

/** `(a(say)a(sayay))`: files and directories, each in byte order of their names. */
export function encodeDirtree({ files, directories }: DirtreeEntries): MetadataObject {
  const byName = (a: { name: ByteString }, b: { name: ByteString }): number => compareBytes(a.name, b.name);
  return metadataObject(
    tuple(
      array(
        { type: "(say)", alignment: 1, fixedSize: false },
        [...files].sort(byName).map(({ name, checksum }) => tuple(string(toBuffer(name)), checksumVariant(checksum))),
      ),
      array(
        { type: "(sayay)", alignment: 1, fixedSize: false },
        [...directories]
          .sort(byName)
          .map(({ name, dirtree, dirmeta }) =>
            tuple(string(toBuffer(name)), checksumVariant(dirtree), checksumVariant(dirmeta)),
          ),
      ),
    ),
  );
}

/** A regular file, or a symlink when there is a target. */
export interface FileObject extends Ownership {
  readonly content: Buffer;
  readonly target: ByteString | undefined;
}

function fileMode(file: FileObject): number {
  return file.target === undefined ? S_IFREG | file.permissions : S_IFLNK | file.permissions;
}

/** Length and padding in front of a header whose alignment must not depend on it. */
function framed(header: Buffer): Buffer {
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32BE(header.length, 0);
  return Buffer.concat([prefix, header]);
}

/** The name of a file: its header `(uuuusa(ayay))` and content, hashed as they stand in a stream. */
export function fileChecksum(file: FileObject): OstreeChecksum {
  const header = tuple(
    uint32BigEndian(file.uid),
    uint32BigEndian(file.gid),
    uint32BigEndian(fileMode(file)),
    uint32BigEndian(0),
    string(toBuffer(file.target ?? ("" as ByteString))),
    xattrsVariant(file.xattrs),
  );
  return checksumOf(framed(header.bytes), file.content);
}

/**
 * An archive repository's `.filez`: header with the size, then the content as a raw deflate stream (RFC 1951).
 * @param deflated the content, compressed; nothing for a symlink.
 */
export function encodeArchiveFile(file: FileObject, deflated: Buffer): Buffer {
  const header = tuple(
    uint64BigEndian(BigInt(file.content.length)),
    uint32BigEndian(file.uid),
    uint32BigEndian(file.gid),
    uint32BigEndian(fileMode(file)),
    uint32BigEndian(0),
    string(toBuffer(file.target ?? ("" as ByteString))),
    xattrsVariant(file.xattrs),
  );
  return Buffer.concat([framed(header.bytes), deflated]);
}

/** A bare-user repository's `user.ostreemeta` xattr: `(uuua(ayay))`. */
export function encodeBareUserMetadata(file: FileObject): Buffer {
  return ownershipVariant({ uid: file.uid, gid: file.gid, mode: fileMode(file), xattrs: file.xattrs }).bytes;
}

export interface Commit {
  /** In this order, so that the commit is the same each time. */
  readonly metadata: readonly (readonly [key: string, value: Variant])[];
  readonly parent: OstreeChecksum | undefined;
  readonly subject: string;
  readonly body: string;
  /** Seconds since 1970. */
  readonly timestamp: bigint;
  readonly dirtree: OstreeChecksum;
  readonly dirmeta: OstreeChecksum;
}

/** `(a{sv}aya(say)sstayay)` */
export function encodeCommit(commit: Commit): MetadataObject {
  return metadataObject(
    tuple(
      array(
        { type: "{sv}", alignment: 8, fixedSize: false },
        commit.metadata.map(([key, value]) => dictEntry(string(key), variant(value))),
      ),
      byteArray(commit.parent === undefined ? Buffer.alloc(0) : Buffer.from(commit.parent, "hex")),
      array({ type: "(say)", alignment: 1, fixedSize: false }, []),
      string(commit.subject),
      string(commit.body),
      uint64BigEndian(commit.timestamp),
      checksumVariant(commit.dirtree),
      checksumVariant(commit.dirmeta),
    ),
  );
}
