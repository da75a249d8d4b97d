// A tree to a composefs image, byte for byte what mkcomposefs 1.0.8 writes for the same tree (docs/repo-format.md says
// which versions there are). The steps: collect the inodes, place them, emit.

import type { ByteString } from "../bytes.ts";
import { type Directory, S_IFMT, S_IFREG } from "../node.ts";
import { collectInodes, type DirectoryEntries, type Inode, type InodeTable } from "./inodes.ts";
import {
  BLOCK_SIZE,
  COMPACT_INODE_SIZE,
  COMPOSEFS_FLAGS_HAS_ACL,
  COMPOSEFS_HEADER_VERSION,
  COMPOSEFS_MAGIC,
  DIRENT_SIZE,
  EROFS_FEATURE_COMPAT_MTIME,
  EROFS_FEATURE_COMPAT_XATTR_FILTER,
  EROFS_FT,
  EROFS_INODE_CHUNK_BASED,
  EROFS_INODE_FLAT_INLINE,
  EROFS_INODE_FLAT_PLAIN,
  EROFS_SUPER_MAGIC_V1,
  EXTENDED_INODE_SIZE,
  MIN_CHUNK_BITS,
  roundUp,
  SLOT_SIZE,
  SUPERBLOCK_OFFSET,
  XATTR_HEADER_SIZE,
} from "./layout.ts";
import { isExternal } from "./overlay.ts";
import { chunkBits, type Placement, placeInodes } from "./place.ts";
import { writeXattrBlock, writeXattrEntry } from "./xattrs.ts";

export interface ErofsOptions {
  /** The composefs version of an image without whiteouts: 0, or 1 as composefs-rs and bootc write. */
  readonly minVersion: 0 | 1;
  /** The version of an image with whiteouts, raised to `minVersion` if that is larger. */
  readonly maxVersion: 0 | 1;
}

/**
 * The whole image. The tree is not changed.
 * @throws Oci2cfsError `unsupported` or `bad-format`, naming the path, for a tree that the format cannot hold.
 */
export function writeErofs(root: Directory, options: ErofsOptions): Buffer {
  const inodes = collectInodes(root, options);
  const placement = placeInodes(inodes);
  return new Emitter(inodes, placement).emit();
}

class Emitter {
  readonly #inodes: InodeTable;
  readonly #placement: Placement;

  constructor(inodes: InodeTable, placement: Placement) {
    this.#inodes = inodes;
    this.#placement = placement;
  }

  emit(): Buffer {
    const { inodesEnd, blocks } = this.#placement;
    const shared = this.#inodes.xattrs.table.layoutShared(inodesEnd % BLOCK_SIZE);
    const dataStart = roundUp(inodesEnd + shared.size, BLOCK_SIZE);
    const dataBlocks = blocks.reduce((sum, count) => sum + count, 0);
    const image = Buffer.alloc(dataStart + dataBlocks * BLOCK_SIZE);
    this.#writeHeader(image);
    this.#writeSuperblock(image);
    let block = dataStart / BLOCK_SIZE;
    for (let ino = 0; ino < this.#inodes.inodes.length; ino++) {
      this.#writeInode(image, ino, block);
      block += blocks[ino] ?? 0;
    }
    let offset = inodesEnd;
    for (const pair of shared.pairs) offset = writeXattrEntry(image, offset, pair);
    return image;
  }

  #writeHeader(image: Buffer): void {
    image.writeUInt32LE(COMPOSEFS_MAGIC, 0);
    image.writeUInt32LE(COMPOSEFS_HEADER_VERSION, 4);
    image.writeUInt32LE(this.#inodes.hasAcl ? COMPOSEFS_FLAGS_HAS_ACL : 0, 8);
    image.writeUInt32LE(this.#inodes.version, 12);
  }

  #writeSuperblock(image: Buffer): void {
    const at = SUPERBLOCK_OFFSET;
    image.writeUInt32LE(EROFS_SUPER_MAGIC_V1, at);
    image.writeUInt32LE(EROFS_FEATURE_COMPAT_MTIME | EROFS_FEATURE_COMPAT_XATTR_FILTER, at + 8);
    image[at + 12] = Math.log2(BLOCK_SIZE);
    image.writeUInt16LE(this.#nid(0), at + 14);
    image.writeUInt32LE(this.#inodes.inodes.length, at + 16);
    image.writeBigInt64LE(BigInt.asIntN(64, this.#inodes.minSec), at + 24);
    image.writeUInt32LE(this.#inodes.minNsec, at + 32);
    image.writeUInt32LE(image.length / BLOCK_SIZE, at + 36);
    image.writeUInt32LE(Math.floor(this.#placement.inodesEnd / BLOCK_SIZE), at + 44);
  }

  #nid(ino: number): number {
    return (this.#placement.offset[ino] ?? 0) / SLOT_SIZE;
  }

  /** Writes an inode, its xattrs and tail, and its data blocks, which begin at `block`. */
  #writeInode(image: Buffer, ino: number, block: number): void {
    const inode = this.#inodes.inodes[ino] as Inode;
    const offset = this.#placement.offset[ino] ?? 0;
    const compact = this.#placement.compact[ino] === 1;
    const tail = this.#placement.tail[ino] ?? 0;
    const blocks = this.#placement.blocks[ino] ?? 0;
    const xattrSize = this.#placement.xattrSize[ino] ?? 0;
    const external = isExternal(inode);
    const layout = external ? EROFS_INODE_CHUNK_BASED : tail > 0 ? EROFS_INODE_FLAT_INLINE : EROFS_INODE_FLAT_PLAIN;
    const size = inode.kind === "directory" ? blocks * BLOCK_SIZE + tail : contentSize(inode);
    // The user's own whiteouts become empty files that overlayfs shows as whiteouts again.
    const whiteout = inode.kind === "character" && this.#inodes.fileTypes[ino] === EROFS_FT.regular;
    const union = inodeUnion(inode, blocks > 0 ? block : 0);
    image.writeUInt16LE((compact ? 0 : 1) | (layout << 1), offset);
    image.writeUInt16LE(xattrSize === 0 ? 0 : (xattrSize - XATTR_HEADER_SIZE) / 4 + 1, offset + 2);
    image.writeUInt16LE(whiteout ? (inode.mode & ~S_IFMT) | S_IFREG : inode.mode, offset + 4);
    if (compact) {
      image.writeUInt16LE(this.#inodes.nlink[ino] ?? 0, offset + 6);
      image.writeUInt32LE(size, offset + 8);
      image.writeUInt32LE(union, offset + 16);
      image.writeUInt32LE(ino, offset + 20);
      image.writeUInt16LE(inode.uid, offset + 24);
      image.writeUInt16LE(inode.gid, offset + 26);
    } else {
      image.writeUInt32LE(size % 2 ** 32, offset + 8);
      image.writeUInt32LE(Math.floor(size / 2 ** 32), offset + 12);
      image.writeUInt32LE(union, offset + 16);
      image.writeUInt32LE(ino, offset + 20);
      image.writeUInt32LE(inode.uid, offset + 24);
      image.writeUInt32LE(inode.gid, offset + 28);
      image.writeBigInt64LE(BigInt.asIntN(64, inode.mtimeSec), offset + 32);
      image.writeUInt32LE(inode.mtimeNsec, offset + 40);
      image.writeUInt32LE(this.#inodes.nlink[ino] ?? 0, offset + 44);
    }
    const header = compact ? COMPACT_INODE_SIZE : EXTENDED_INODE_SIZE;
    const end = writeXattrBlock(image, offset + header, this.#inodes.xattrs.pairsOf(ino, inode));
    this.#writeData(image, { ino, inode, tailOffset: end, tail, dataOffset: block * BLOCK_SIZE, blocks });
  }

  #writeData(image: Buffer, place: DataPlace): void {
    const { inode } = place;
    switch (inode.kind) {
      case "directory":
        this.#writeDirectory(image, place);
        break;
      case "symlink":
        image.write(inode.target, place.tail > 0 ? place.tailOffset : place.dataOffset, "latin1");
        break;
      case "regular":
        if (isExternal(inode)) fillChunkMap(image, place);
        else if (inode.content !== undefined) writeInline(image, inode.content, place);
        break;
    }
  }

  #writeDirectory(image: Buffer, place: DataPlace): void {
    const entries = this.#inodes.entries[place.ino];
    if (entries === undefined) return;
    const { names } = entries;
    let begin = 0;
    let dataOffset = place.dataOffset;
    for (let blocks = place.blocks; begin < names.length; blocks--) {
      let filled = 0;
      let end = begin;
      for (; end < names.length; end++) {
        const cost = DIRENT_SIZE + (names[end] as ByteString).length;
        if (filled + cost > BLOCK_SIZE) break;
        filled += cost;
      }
      this.#writeDirents(image, blocks > 0 ? dataOffset : place.tailOffset, { entries, begin, end });
      dataOffset += BLOCK_SIZE;
      begin = end;
    }
  }

  /** One group: all fixed-size parts, then all names without separators. */
  #writeDirents(image: Buffer, offset: number, group: { entries: DirectoryEntries; begin: number; end: number }): void {
    const { names, inodes } = group.entries;
    let nameOffset = DIRENT_SIZE * (group.end - group.begin);
    let position = offset;
    for (let index = group.begin; index < group.end; index++) {
      const name = names[index] as ByteString;
      const ino = inodes[index] ?? 0;
      image.writeUInt32LE(this.#nid(ino), position);
      image.writeUInt16LE(nameOffset, position + 8);
      image[position + 10] = this.#inodes.fileTypes[ino] ?? 0;
      image.write(name, offset + nameOffset, "latin1");
      nameOffset += name.length;
      position += DIRENT_SIZE;
    }
  }
}

interface DataPlace {
  readonly ino: number;
  readonly inode: Inode;
  readonly tailOffset: number;
  readonly tail: number;
  readonly dataOffset: number;
  readonly blocks: number;
}

function contentSize(inode: Inode): number {
  switch (inode.kind) {
    case "regular":
      return inode.size;
    case "symlink":
      return inode.target.length;
    default:
      return 0;
  }
}

/** i_u: a device number, a chunk format, or the address of the first data block. */
function inodeUnion(inode: Inode, block: number): number {
  if (inode.kind === "character" || inode.kind === "block") return inode.rdev;
  // Only the low half holds the chunk format; libcomposefs leaves what stands in the high half.
  if (isExternal(inode)) return (block & ~0xffff) | (chunkBits(contentSize(inode)) - MIN_CHUNK_BITS);
  return block;
}

/** A null address for each chunk: overlayfs finds the content, EROFS never reads it. */
function fillChunkMap(image: Buffer, place: DataPlace): void {
  if (place.blocks > 0) image.fill(0xff, place.dataOffset, place.dataOffset + BLOCK_SIZE);
  else image.fill(0xff, place.tailOffset, place.tailOffset + place.tail);
}

function writeInline(image: Buffer, content: ByteString, place: DataPlace): void {
  const inBlocks = content.length - place.tail;
  if (inBlocks > 0) image.write(content.slice(0, inBlocks), place.dataOffset, "latin1");
  if (place.tail > 0) image.write(content.slice(inBlocks), place.tailOffset, "latin1");
}
