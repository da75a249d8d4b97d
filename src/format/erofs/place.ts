// Where everything goes: the size of each inode's parts and its offset, by the algorithm of libcomposefs (lcfs-writer-erofs.c),
// which packs tails so that none crosses a block.

import type { ByteString } from "../bytes.ts";
import type { Inode, InodeTable } from "./inodes.ts";
import {
  BLOCK_MAP_ENTRY_SIZE,
  BLOCK_SIZE,
  COMPACT_INODE_SIZE,
  DIRENT_SIZE,
  EXTENDED_INODE_SIZE,
  INODES_OFFSET,
  MAX_CHUNK_BITS,
  MAX_TAIL_SIZE,
  MIN_CHUNK_BITS,
  roundUp,
  SLOT_SIZE,
} from "./layout.ts";
import { isExternal, isWhiteout } from "./overlay.ts";

/** By inode number, sizes and offsets in bytes. */
export interface Placement {
  readonly offset: Float64Array;
  readonly compact: Uint8Array;
  readonly xattrSize: Uint32Array;
  /** Bytes behind inode and xattrs. */
  readonly tail: Uint32Array;
  readonly blocks: Uint32Array;
  /** The end of the inode area, a multiple of SLOT_SIZE. */
  readonly inodesEnd: number;
}

export function placeInodes(inodes: InodeTable): Placement {
  const count = inodes.inodes.length;
  const offset = new Float64Array(count);
  const compact = new Uint8Array(count);
  const xattrSize = new Uint32Array(count);
  const tail = new Uint32Array(count);
  const blocks = new Uint32Array(count);
  let position = INODES_OFFSET;
  for (let ino = 0; ino < count; ino++) {
    const inode = inodes.inodes[ino] as Inode;
    const parts = inodeParts(inode, inodes.entries[ino]?.names);
    xattrSize[ino] = inodes.xattrs.sizeOf(ino, inode);
    compact[ino] = isCompact(inode, { ino, size: parts.size, inodes }) ? 1 : 0;
    const header = compact[ino] === 1 ? COMPACT_INODE_SIZE : EXTENDED_INODE_SIZE;
    const meta = header + (xattrSize[ino] ?? 0);
    position = roundUp(position, SLOT_SIZE);
    const placed = placeTail(inode.kind === "symlink", { position, meta, tail: parts.tail });
    offset[ino] = placed.position;
    tail[ino] = placed.tail;
    blocks[ino] = parts.blocks + placed.promoted;
    position = placed.position + meta + placed.tail;
  }
  return { offset, compact, xattrSize, tail, blocks, inodesEnd: roundUp(position, SLOT_SIZE) };
}

/** Moves the inode, or its tail to a block of its own, so that the tail lies within one block. */
function placeTail(
  isSymlink: boolean,
  { position, meta, tail }: { position: number; meta: number; tail: number },
): { position: number; tail: number; promoted: number } {
  if (isSymlink) {
    const total = meta + tail;
    const crosses = Math.floor(position / BLOCK_SIZE) !== Math.floor((position + total - 1) / BLOCK_SIZE);
    const moved = crosses ? roundUp(position, BLOCK_SIZE) : position;
    // The move is decided by the whole length, also when the target then goes to a block.
    return total >= BLOCK_SIZE ? { position: moved, tail: 0, promoted: 1 } : { position: moved, tail, promoted: 0 };
  }
  const room = BLOCK_SIZE - ((position + meta) % BLOCK_SIZE);
  if (room >= tail) return { position, tail, promoted: 0 };
  const pad = roundUp(room, SLOT_SIZE);
  const roomThere = BLOCK_SIZE - ((position + meta + pad) % BLOCK_SIZE);
  if (tail <= roomThere) return { position: position + pad, tail, promoted: 0 };
  return { position: roundUp(position, BLOCK_SIZE), tail: 0, promoted: 1 };
}

interface Parts {
  /** The size that decides between compact and extended. */
  readonly size: number;
  readonly tail: number;
  readonly blocks: number;
}

function inodeParts(inode: Inode, names: readonly ByteString[] | undefined): Parts {
  switch (inode.kind) {
    case "directory":
      return directoryParts(names ?? []);
    case "symlink":
      return { size: inode.target.length, tail: inode.target.length, blocks: 0 };
    case "regular": {
      if (isExternal(inode)) {
        return { size: inode.size, tail: BLOCK_MAP_ENTRY_SIZE * chunkCount(inode.size), blocks: 0 };
      }
      const length = inode.content?.length ?? 0;
      return { size: inode.size, ...splitTail(length) };
    }
    default:
      return { size: isWhiteout(inode) ? 0 : (inode.declaredSize ?? 0), tail: 0, blocks: 0 };
  }
}

function splitTail(length: number): { tail: number; blocks: number } {
  const blocks = Math.floor(length / BLOCK_SIZE);
  const tail = length % BLOCK_SIZE;
  return tail > MAX_TAIL_SIZE ? { tail: 0, blocks: blocks + 1 } : { tail, blocks };
}

function directoryParts(names: readonly ByteString[]): Parts {
  let blocks = 0;
  let filled = 0;
  for (const name of names) {
    const cost = DIRENT_SIZE + name.length;
    if (filled + cost > BLOCK_SIZE) {
      blocks++;
      filled = 0;
    }
    filled += cost;
  }
  if (filled > MAX_TAIL_SIZE) {
    blocks++;
    filled = 0;
  }
  return { size: blocks * BLOCK_SIZE + filled, tail: filled, blocks };
}

function isCompact(inode: Inode, { ino, size, inodes }: { ino: number; size: number; inodes: InodeTable }): boolean {
  return (
    inode.mtimeNsec === inodes.minNsec &&
    inode.mtimeSec === inodes.minSec &&
    (inodes.nlink[ino] ?? 0) <= 0xffff &&
    inode.uid <= 0xffff &&
    inode.gid <= 0xffff &&
    size <= 0xffffffff
  );
}

/** log2 of the chunk size for an external file: one chunk holds it, up to 8 TiB. */
export function chunkBits(size: number): number {
  const last = size - 1;
  const bits = last < 2 ** 32 ? 32 - Math.clz32(last) : 64 - Math.clz32(last / 2 ** 32);
  return Math.min(MAX_CHUNK_BITS, Math.max(MIN_CHUNK_BITS, bits));
}

export function chunkCount(size: number): number {
  return Math.ceil(size / 2 ** chunkBits(size));
}
