// fs-verity file digests: a Merkle tree over 4 KiB blocks and a descriptor with its root, as the kernel computes them
// (Documentation/filesystems/fsverity.rst; struct fsverity_descriptor in fs/verity/fsverity_private.h). Version 1, no salt.

import { hash } from "node:crypto";
import { type HashAlgorithm, hashes, type VerityDigest } from "./digest.ts";

export const VERITY_BLOCK_SIZE = 4096;

/** Tree levels that a file of 2^53 bytes can have, with 64 hashes a block at the least. */
const MAX_LEVELS = 8;

const DESCRIPTOR_SIZE = 256;

/** "binary" (latin1 text) is the fastest way out of `crypto.hash`: 1.2 GB/s in 4 KiB blocks, `createHash` 0.8. */
function hashInto(algorithm: HashAlgorithm, block: Buffer, target: Buffer, offset: number): void {
  target.write(hash(algorithm, block, "binary"), offset, "latin1");
}

interface ZeroTree {
  /** At k: the hash of a subtree of height k over zeros only; at 0 of one zero block. */
  readonly hashes: readonly Buffer[];
}

const zeroTrees: Partial<Record<HashAlgorithm, ZeroTree>> = {};

function zeroTree(algorithm: HashAlgorithm): ZeroTree {
  const known = zeroTrees[algorithm];
  if (known !== undefined) return known;
  const { size } = hashes[algorithm];
  const levels: Buffer[] = [];
  let block = Buffer.alloc(VERITY_BLOCK_SIZE);
  for (let level = 0; level <= MAX_LEVELS; level++) {
    const digest = Buffer.alloc(size);
    hashInto(algorithm, block, digest, 0);
    levels.push(digest);
    block = Buffer.alloc(VERITY_BLOCK_SIZE);
    for (let offset = 0; offset < VERITY_BLOCK_SIZE; offset += size) digest.copy(block, offset);
  }
  const tree = { hashes: levels };
  zeroTrees[algorithm] = tree;
  return tree;
}

/**
 * The digest of content that comes in pieces. Memory is one block for each tree level, whatever the size.
 * Whole blocks inside a piece are hashed where they lie.
 */
export class VerityHasher {
  readonly #algorithm: HashAlgorithm;
  readonly #hashSize: number;
  readonly #block: Buffer = Buffer.allocUnsafeSlow(VERITY_BLOCK_SIZE);
  #filled = 0;
  #size = 0;
  /** At k: the hashes of finished subtrees of height k that wait for their parent block to fill. */
  readonly #levels: Buffer[] = [];
  readonly #levelFilled: number[] = [];

  constructor(algorithm: HashAlgorithm) {
    this.#algorithm = algorithm;
    this.#hashSize = hashes[algorithm].size;
  }

  update(buffer: Buffer, start = 0, end: number = buffer.length): void {
    this.#size += end - start;
    let position = start;
    if (this.#filled > 0) {
      const count = Math.min(VERITY_BLOCK_SIZE - this.#filled, end - position);
      buffer.copy(this.#block, this.#filled, position, position + count);
      this.#filled += count;
      position += count;
      if (this.#filled < VERITY_BLOCK_SIZE) return;
      this.#addBlock(this.#block);
      this.#filled = 0;
    }
    for (; position + VERITY_BLOCK_SIZE <= end; position += VERITY_BLOCK_SIZE) {
      this.#addBlock(buffer.subarray(position, position + VERITY_BLOCK_SIZE));
    }
    this.#filled = position < end ? buffer.copy(this.#block, 0, position, end) : 0;
  }

  /** The same as `update` with that many zero bytes, in time that grows with the logarithm of their number. */
  updateZeros(count: number): void {
    let left = count;
    const toBlockEnd = this.#filled === 0 ? 0 : Math.min(VERITY_BLOCK_SIZE - this.#filled, left);
    this.#block.fill(0, this.#filled, this.#filled + toBlockEnd);
    this.#filled += toBlockEnd;
    this.#size += count;
    left -= toBlockEnd;
    if (this.#filled === VERITY_BLOCK_SIZE) {
      this.#addBlock(this.#block);
      this.#filled = 0;
    }
    let blocks = Math.floor(left / VERITY_BLOCK_SIZE);
    const rest = left - blocks * VERITY_BLOCK_SIZE;
    while (blocks > 0) blocks -= this.#addZeroSubtree(blocks);
    if (rest > 0) {
      this.#block.fill(0, 0, rest);
      this.#filled = rest;
    }
  }

  /** Adds the largest zero subtree that fits here, and tells how many data blocks it stands for. */
  #addZeroSubtree(blocks: number): number {
    const perBlock = VERITY_BLOCK_SIZE / this.#hashSize;
    let height = 0;
    let covered = 1;
    // A subtree of height k+1 can only begin where no hash of height k waits.
    while (covered * perBlock <= blocks && (this.#levelFilled[height] ?? 0) === 0 && height < MAX_LEVELS) {
      covered *= perBlock;
      height++;
    }
    const digest = zeroTree(this.#algorithm).hashes[height];
    if (digest === undefined) throw new RangeError("fs-verity: more blocks than 2^53 bytes hold");
    digest.copy(this.#slot(height));
    this.#advance(height);
    return covered;
  }

  #addBlock(block: Buffer): void {
    const target = this.#levels[0] ?? this.#addLevel(0);
    hashInto(this.#algorithm, block, target, this.#levelFilled[0] ?? 0);
    this.#advance(0);
  }

  #slot(level: number): Buffer {
    const buffer = this.#levels[level] ?? this.#addLevel(level);
    return buffer.subarray(this.#levelFilled[level] ?? 0);
  }

  #addLevel(level: number): Buffer {
    for (let next = this.#levels.length; next <= level; next++) {
      this.#levels.push(Buffer.allocUnsafeSlow(VERITY_BLOCK_SIZE));
      this.#levelFilled.push(0);
    }
    const buffer = this.#levels[level];
    if (buffer === undefined) throw new RangeError("fs-verity: no such level");
    return buffer;
  }

  /** Counts the hash that was just put at a level; a full block of hashes becomes one hash a level higher. */
  #advance(level: number): void {
    const filled = (this.#levelFilled[level] ?? 0) + this.#hashSize;
    const buffer = this.#levels[level];
    if (filled < VERITY_BLOCK_SIZE || buffer === undefined) {
      this.#levelFilled[level] = filled;
      return;
    }
    this.#levelFilled[level] = 0;
    const slot = this.#slot(level + 1);
    hashInto(this.#algorithm, buffer, slot, 0);
    this.#advance(level + 1);
  }

  /** Ends the content. What follows is the next content: a hasher that is used again saves its buffers' allocation. */
  digest(): VerityDigest {
    if (this.#filled > 0) {
      this.#block.fill(0, this.#filled);
      this.#addBlock(this.#block);
    }
    const digest = descriptorDigest(this.#algorithm, this.#size, this.#root());
    this.#filled = 0;
    this.#size = 0;
    this.#levelFilled.fill(0);
    return digest;
  }

  /** An empty file's root is all zeros. A hash alone at the top is the root; all others are padded to a block. */
  #root(): Buffer {
    for (let level = 0; level < this.#levels.length; level++) {
      const buffer = this.#levels[level];
      const filled = this.#levelFilled[level] ?? 0;
      if (buffer === undefined || filled === 0) continue;
      const isTop = this.#levelFilled.every((other, index) => index <= level || other === 0);
      if (isTop && filled === this.#hashSize) return buffer.subarray(0, filled);
      buffer.fill(0, filled);
      const slot = this.#slot(level + 1);
      hashInto(this.#algorithm, buffer, slot, 0);
      this.#levelFilled[level] = 0;
      this.#advance(level + 1);
    }
    return Buffer.alloc(this.#hashSize);
  }
}

const descriptor: Buffer = Buffer.alloc(DESCRIPTOR_SIZE);

function descriptorDigest(algorithm: HashAlgorithm, size: number, root: Buffer): VerityDigest {
  descriptor.fill(0);
  descriptor[0] = 1;
  descriptor[1] = hashes[algorithm].id;
  descriptor[2] = Math.log2(VERITY_BLOCK_SIZE);
  descriptor.writeUInt32LE(size % 2 ** 32, 8);
  descriptor.writeUInt32LE(Math.floor(size / 2 ** 32), 12);
  root.copy(descriptor, 16);
  return hash(algorithm, descriptor, "hex") as VerityDigest;
}

const paddedBlock: Buffer = Buffer.alloc(VERITY_BLOCK_SIZE);
const rootHash: Buffer = Buffer.alloc(64);
const hashers: Partial<Record<HashAlgorithm, VerityHasher>> = {};

/** The digest of content that is all there. Files of one block, most of an OS, need two hash calls and no allocation. */
export function verityDigest(content: Buffer, algorithm: HashAlgorithm): VerityDigest {
  if (content.length > 0 && content.length <= VERITY_BLOCK_SIZE) {
    const { size } = hashes[algorithm];
    content.copy(paddedBlock);
    paddedBlock.fill(0, content.length);
    hashInto(algorithm, paddedBlock, rootHash, 0);
    return descriptorDigest(algorithm, content.length, rootHash.subarray(0, size));
  }
  // A new hasher costs 8 µs, as much as three blocks.
  let hasher = hashers[algorithm];
  if (hasher === undefined) {
    hasher = new VerityHasher(algorithm);
    hashers[algorithm] = hasher;
  }
  hasher.update(content);
  return hasher.digest();
}
