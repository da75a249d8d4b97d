// The parts of an EROFS image (kernel fs/erofs/erofs_fs.h): superblock, inodes, directory blocks and xattrs, bytes to values.
// Nothing in an image is trusted: every offset, size and count is checked against it.

import { Oci2cfsError } from "../../errors.ts";
import { type ByteString, bytesOf } from "../bytes.ts";
import { readHeader } from "./header.ts";
import {
  BLOCK_SIZE,
  COMPACT_INODE_SIZE,
  DIRENT_SIZE,
  EROFS_INODE_CHUNK_BASED,
  EROFS_INODE_FLAT_INLINE,
  EROFS_INODE_FLAT_PLAIN,
  EROFS_SUPER_MAGIC_V1,
  EXTENDED_INODE_SIZE,
  SLOT_SIZE,
  SUPERBLOCK_OFFSET,
  SUPERBLOCK_SIZE,
  XATTR_ENTRY_SIZE,
  XATTR_HEADER_SIZE,
  XATTR_PREFIXES,
} from "./layout.ts";

export interface InodeRecord {
  readonly nid: number;
  readonly layout: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeSec: bigint;
  readonly mtimeNsec: number;
  /** i_u: a device number or a block address. */
  readonly union: number;
  readonly xattrOffset: number;
  readonly xattrSize: number;
}

export interface DirectoryEntry {
  readonly name: ByteString;
  readonly nid: number;
}

/** Version 2 is composefs-rs' own: nothing in it is escaped but the names of xattrs, and it has no stubs. */
const MAX_VERSION = 2;

/** Offsets beyond are no whole numbers any more, and no image is that large. */
const MAX_NID = 2n ** 40n;

/** By index. Only composefs-rs makes use of EROFS_XATTR_INDEX_LUSTRE. */
const xattrPrefixes: ReadonlyMap<number, string> = new Map([
  [0, ""],
  [5, "lustre."],
  ...XATTR_PREFIXES.map(({ index, prefix }) => [index, prefix] as const),
]);

export type XattrEntry = readonly [name: ByteString, value: ByteString];

export class ErofsImage {
  /** The composefs version. */
  readonly version: number;
  readonly rootNid: number;
  readonly #image: Buffer;
  readonly #buildSec: bigint;
  readonly #buildNsec: number;
  readonly #sharedXattrsAt: number;
  readonly #shared = new Map<number, XattrEntry>();
  /**
   * Bytes that data and xattrs may still claim. A sound image gives no byte to two inodes, so all claims together are less
   * than the image; without this limit, inodes that overlap make gigabytes out of 400 KB.
   */
  #unclaimed: number;

  /** @throws Oci2cfsError `bad-format` for what is no composefs image. */
  constructor(image: Buffer) {
    this.version = readHeader(image).version;
    if (this.version > MAX_VERSION) {
      throw new Oci2cfsError("unsupported", `erofs: byte 12: composefs version ${this.version}`);
    }
    const at = SUPERBLOCK_OFFSET;
    if (image.length < at + SUPERBLOCK_SIZE || image.readUInt32LE(at) !== EROFS_SUPER_MAGIC_V1) {
      throw new Oci2cfsError("bad-format", `erofs: byte ${at}: no EROFS superblock`);
    }
    if (image[at + 12] !== Math.log2(BLOCK_SIZE)) {
      throw new Oci2cfsError("unsupported", `erofs: byte ${at + 12}: blocks of 2^${image[at + 12]} bytes`);
    }
    if (image.readUInt32LE(at + 40) !== 0 || image.readUInt32LE(at + 80) !== 0) {
      throw new Oci2cfsError("unsupported", `erofs: byte ${at}: features that composefs images do not have`);
    }
    this.#image = image;
    this.rootNid = image.readUInt16LE(at + 14);
    this.#buildSec = image.readBigInt64LE(at + 24);
    this.#buildNsec = image.readUInt32LE(at + 32);
    this.#sharedXattrsAt = image.readUInt32LE(at + 44) * BLOCK_SIZE;
    this.#unclaimed = image.length;
  }

  /** Bytes of the image, checked to be there. */
  #slice(offset: number, length: number, what: string): Buffer {
    if (offset + length > this.#image.length) {
      fail(`${what} at byte ${offset} lies behind the end of an image of ${this.#image.length} bytes`);
    }
    return this.#image.subarray(offset, offset + length);
  }

  #claim(size: number, what: string): void {
    if (size > this.#unclaimed) fail(`${what} of ${size} bytes is more than the image holds`);
    this.#unclaimed -= size;
  }

  inode(nid: number): InodeRecord {
    const offset = nid * SLOT_SIZE;
    const what = `inode ${nid}`;
    const compact = this.#slice(offset, COMPACT_INODE_SIZE, what);
    const format = compact.readUInt16LE(0);
    const extended = (format & 1) === 1;
    const headerSize = extended ? EXTENDED_INODE_SIZE : COMPACT_INODE_SIZE;
    const header = this.#slice(offset, headerSize, what);
    const count = header.readUInt16LE(2);
    const size = extended ? header.readBigUInt64LE(8) : BigInt(header.readUInt32LE(8));
    // A file of 2^53 bytes is the largest that there can be, and still a whole number here.
    if (size > 2n ** 53n) fail(`${what}: size ${size}`);
    return {
      nid,
      layout: (format >> 1) & 7,
      mode: header.readUInt16LE(4),
      nlink: extended ? header.readUInt32LE(44) : header.readUInt16LE(6),
      uid: extended ? header.readUInt32LE(24) : header.readUInt16LE(24),
      gid: extended ? header.readUInt32LE(28) : header.readUInt16LE(26),
      size: Number(size),
      mtimeSec: extended ? header.readBigInt64LE(32) : this.#buildSec,
      mtimeNsec: extended ? header.readUInt32LE(40) : this.#buildNsec,
      union: header.readUInt32LE(16),
      xattrOffset: offset + headerSize,
      xattrSize: count === 0 ? 0 : XATTR_HEADER_SIZE + (count - 1) * 4,
    };
  }

  /** True when the content lies outside of the image. */
  isChunked(inode: InodeRecord): boolean {
    return inode.layout === EROFS_INODE_CHUNK_BASED;
  }

  /** What lies inside the image: whole blocks, then the tail behind the inode. */
  data(inode: InodeRecord): Buffer {
    const what = `inode ${inode.nid}: data`;
    if (inode.layout !== EROFS_INODE_FLAT_PLAIN && inode.layout !== EROFS_INODE_FLAT_INLINE) {
      fail(`inode ${inode.nid}: data layout ${inode.layout}`);
    }
    this.#claim(inode.size, what);
    const tail = inode.layout === EROFS_INODE_FLAT_INLINE ? inode.size % BLOCK_SIZE : 0;
    const inBlocks = inode.size - tail;
    const blocks = inBlocks === 0 ? Buffer.alloc(0) : this.#slice(inode.union * BLOCK_SIZE, inBlocks, what);
    if (tail === 0) return blocks;
    const end = this.#slice(inode.xattrOffset + inode.xattrSize, tail, what);
    return inBlocks === 0 ? end : Buffer.concat([blocks, end]);
  }

  /** A directory's entries, without `.` and `..`. */
  entries(inode: InodeRecord): DirectoryEntry[] {
    const data = this.data(inode);
    const entries: DirectoryEntry[] = [];
    for (let start = 0; start < data.length; start += BLOCK_SIZE) {
      readDirents(data.subarray(start, start + BLOCK_SIZE), { entries, directory: inode.nid });
    }
    return entries;
  }

  /** The inode's own first, then the shared ones: the order in which `composefs-info dump` prints them. */
  xattrs(inode: InodeRecord): XattrEntry[] {
    if (inode.xattrSize === 0) return [];
    const what = `inode ${inode.nid}: xattr block`;
    this.#claim(inode.xattrSize, what);
    const block = this.#slice(inode.xattrOffset, inode.xattrSize, what);
    const sharedCount = block[4] ?? 0;
    let position = XATTR_HEADER_SIZE + 4 * sharedCount;
    if (position > block.length) fail(`${what}: ${sharedCount} shared ones in ${block.length} bytes`);
    const xattrs: XattrEntry[] = [];
    while (position < block.length) {
      const { xattr, size } = readXattrEntry(block.subarray(position), what);
      xattrs.push(xattr);
      position += size;
    }
    for (let index = 0; index < sharedCount; index++) {
      xattrs.push(this.#sharedXattr(block.readUInt32LE(XATTR_HEADER_SIZE + 4 * index)));
    }
    return xattrs;
  }

  #sharedXattr(id: number): XattrEntry {
    const known = this.#shared.get(id);
    if (known !== undefined) return known;
    const offset = this.#sharedXattrsAt + id * 4;
    const what = `shared xattr ${id}`;
    const { xattr, size } = readXattrEntry(this.#slice(offset, Math.max(0, this.#image.length - offset), what), what);
    this.#claim(size, what);
    this.#shared.set(id, xattr);
    return xattr;
  }
}

export function fail(message: string): never {
  throw new Oci2cfsError("bad-format", `erofs: ${message}`);
}

function readDirents(block: Buffer, { entries, directory }: { entries: DirectoryEntry[]; directory: number }): void {
  const what = `inode ${directory}: directory block`;
  if (block.length < DIRENT_SIZE) fail(`${what} of ${block.length} bytes`);
  const namesAt = block.readUInt16LE(8);
  const count = namesAt / DIRENT_SIZE;
  if (!Number.isInteger(count) || count === 0 || namesAt > block.length)
    fail(`${what}: names begin at byte ${namesAt}`);
  for (let index = 0; index < count; index++) {
    const at = index * DIRENT_SIZE;
    const start = block.readUInt16LE(at + 8);
    const isLast = index === count - 1;
    const limit = isLast ? block.length : block.readUInt16LE(at + DIRENT_SIZE + 8);
    if (start < namesAt || limit < start || limit > block.length) fail(`${what}: name ${index} lies outside`);
    // Zeros fill a block behind its last name.
    const nul = isLast ? block.indexOf(0, start) : -1;
    const name = bytesOf(block, start, nul < 0 ? limit : nul);
    if (name === "" || name.includes("/") || name.includes("\0")) fail(`${what}: name ${index} is not a file name`);
    const nid = block.readBigUInt64LE(at);
    if (nid > MAX_NID) fail(`${what}: entry ${index} leads to inode ${nid}`);
    if (name !== "." && name !== "..") entries.push({ name, nid: Number(nid) });
  }
}

function readXattrEntry(bytes: Buffer, what: string): { xattr: XattrEntry; size: number } {
  if (bytes.length < XATTR_ENTRY_SIZE) fail(`${what}: ${bytes.length} bytes are too few for an entry`);
  const nameLength = bytes[0] ?? 0;
  const index = bytes[1] ?? 0;
  const valueAt = XATTR_ENTRY_SIZE + nameLength;
  const end = valueAt + bytes.readUInt16LE(2);
  const prefix = xattrPrefixes.get(index);
  if (prefix === undefined || end > bytes.length) fail(`${what}: an entry of ${end} bytes with prefix ${index}`);
  const name = (prefix + bytesOf(bytes, XATTR_ENTRY_SIZE, valueAt)) as ByteString;
  return { xattr: [name, bytesOf(bytes, valueAt, end)], size: Math.ceil(end / 4) * 4 };
}
