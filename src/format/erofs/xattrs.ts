// Extended attributes of an image: each (name, value) pair is kept once, pairs that occur twice or more go to the shared
// area, and every inode gets its block of references and entries (erofs_fs.h: erofs_xattr_ibody_header, erofs_xattr_entry).

import type { ByteString } from "../bytes.ts";
import {
  EROFS_XATTR_FILTER_SEED,
  MAX_SHARED_XATTRS,
  roundUp,
  XATTR_ENTRY_SIZE,
  XATTR_HEADER_SIZE,
  XATTR_PREFIXES,
} from "./layout.ts";
import { xxh32 } from "./xxh32.ts";

/** What all pairs of one name have in common. */
export interface XattrName {
  readonly full: ByteString;
  /** Number of the prefix, and what is stored of the name. */
  readonly index: number;
  readonly suffix: string;
  /** The bit that is cleared in the filter of an inode that has the name. */
  readonly filterBit: number;
  readonly pairs: Map<ByteString, XattrPair>;
}

export interface XattrPair {
  readonly name: XattrName;
  readonly value: ByteString;
  uses: number;
  /** Where the pair lies in the shared area, in units of 4 bytes from the block that `xattr_blkaddr` names. */
  sharedId: number;
}

export const NO_PAIRS: readonly XattrPair[] = [];

export function entrySize(name: XattrName, valueLength: number): number {
  return roundUp(XATTR_ENTRY_SIZE + name.suffix.length + valueLength, 4);
}

/** All pairs of an image, each once, and how often they are used. */
export class XattrTable {
  readonly #names = new Map<ByteString, XattrName>();

  /** The pair for one more use by an inode. */
  use(full: ByteString, value: ByteString): XattrPair {
    const name = this.name(full);
    const pair = name.pairs.get(value);
    if (pair !== undefined) {
      pair.uses++;
      return pair;
    }
    const added: XattrPair = { name, value, uses: 1, sharedId: 0 };
    name.pairs.set(value, added);
    return added;
  }

  name(full: ByteString): XattrName {
    const known = this.#names.get(full);
    if (known !== undefined) return known;
    const match = XATTR_PREFIXES.find(({ prefix }) => full.startsWith(prefix));
    const index = match?.index ?? 0;
    const suffix = match === undefined ? full : full.slice(match.prefix.length);
    const filterBit = 1 << (xxh32(suffix, EROFS_XATTR_FILTER_SEED + index) & 31);
    const name: XattrName = { full, index, suffix, filterBit, pairs: new Map() };
    this.#names.set(full, name);
    return name;
  }

  has(full: string): boolean {
    return this.#names.has(full as ByteString);
  }

  /**
   * The pairs of the shared area in its order: names descending, longer values first, then values descending. Gives
   * each its id, for an area that starts `start` bytes into its first block.
   */
  layoutShared(start: number): { pairs: readonly XattrPair[]; size: number } {
    const names = [...this.#names.values()].sort((a, b) => (a.full < b.full ? 1 : -1));
    const pairs: XattrPair[] = [];
    let size = 0;
    for (const name of names) {
      const shared = [...name.pairs.values()].filter((pair) => pair.uses > 1);
      shared.sort((a, b) => b.value.length - a.value.length || (a.value < b.value ? 1 : -1));
      for (const pair of shared) {
        pair.sharedId = (start + size) / 4;
        size += entrySize(name, pair.value.length);
        pairs.push(pair);
      }
    }
    return { pairs, size };
  }
}

/** Size in bytes of an inode's xattr block. The pairs' uses must all be counted. */
export function xattrBlockSize(pairs: readonly XattrPair[]): number {
  if (pairs.length === 0) return 0;
  let size = XATTR_HEADER_SIZE;
  let shared = 0;
  for (const pair of pairs) {
    if (pair.uses > 1 && shared < MAX_SHARED_XATTRS) {
      shared++;
      size += 4;
    } else {
      size += entrySize(pair.name, pair.value.length);
    }
  }
  return size;
}

/** Writes an inode's xattr block at `offset` and returns where it ends. The buffer is zero there. */
export function writeXattrBlock(image: Buffer, offset: number, pairs: readonly XattrPair[]): number {
  if (pairs.length === 0) return offset;
  let mask = 0;
  let shared = 0;
  let position = offset + XATTR_HEADER_SIZE;
  for (const pair of pairs) {
    mask |= pair.name.filterBit;
    if (pair.uses > 1 && shared < MAX_SHARED_XATTRS) {
      shared++;
      image.writeUInt32LE(pair.sharedId, position);
      position += 4;
    }
  }
  let referenced = 0;
  for (const pair of pairs) {
    if (pair.uses > 1 && referenced < MAX_SHARED_XATTRS) referenced++;
    else position = writeXattrEntry(image, position, pair);
  }
  image.writeUInt32LE(~mask >>> 0, offset);
  image[offset + 4] = shared;
  return position;
}

/** Writes one entry and returns where the next one begins. */
export function writeXattrEntry(image: Buffer, offset: number, { name, value }: XattrPair): number {
  image[offset] = name.suffix.length;
  image[offset + 1] = name.index;
  image.writeUInt16LE(value.length, offset + 2);
  image.write(name.suffix, offset + XATTR_ENTRY_SIZE, "latin1");
  image.write(value, offset + XATTR_ENTRY_SIZE + name.suffix.length, "latin1");
  return offset + entrySize(name, value.length);
}
