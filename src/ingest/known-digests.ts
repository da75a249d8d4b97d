// Which objects exist already, shared by all layer workers: an open-addressing hash table of whole fs-verity digests in
// shared memory. Asking the file system instead costs 10 µs a file, and tables of each worker's own let 9,000 of 54,000
// objects of a test image be written twice. Digests are their own hash values, so the first four bytes pick the slot.

import { type HashAlgorithm, hashes, type VerityDigest } from "../format/digest.ts";

const FREE = 0;
const CLAIMED = 1;
const FULL = 2;

/** At seven eighths the table stops taking digests: then an object is at worst written once more. */
const FILL_LIMIT = 7 / 8;

export interface KnownDigestsMemory {
  readonly algorithm: HashAlgorithm;
  readonly slots: number;
  /** One state word for each slot, and the number of full ones at the end. */
  readonly states: SharedArrayBuffer;
  readonly digests: SharedArrayBuffer;
}

/** Memory for about `expected` digests: 36 bytes (sha256) or 68 (sha512) for each of 2 to 4 times as many slots. */
export function allocateKnownDigests(algorithm: HashAlgorithm, expected: number): KnownDigestsMemory {
  const slots = 2 ** Math.min(23, Math.max(14, Math.ceil(Math.log2(Math.max(1, expected) * 2))));
  return {
    algorithm,
    slots,
    states: new SharedArrayBuffer((slots + 1) * 4),
    digests: new SharedArrayBuffer(slots * hashes[algorithm].size),
  };
}

export class KnownDigests {
  readonly #size: number;
  readonly #mask: number;
  readonly #limit: number;
  readonly #states: Int32Array;
  readonly #digests: Buffer;
  readonly #key: Buffer;

  constructor(memory: KnownDigestsMemory) {
    this.#size = hashes[memory.algorithm].size;
    this.#mask = memory.slots - 1;
    this.#limit = Math.floor(memory.slots * FILL_LIMIT);
    this.#states = new Int32Array(memory.states);
    this.#digests = Buffer.from(memory.digests);
    this.#key = Buffer.alloc(this.#size);
  }

  has(digest: VerityDigest): boolean {
    this.#key.write(digest, 0, "hex");
    for (let slot = this.#first(); ; slot = (slot + 1) & this.#mask) {
      const state = Atomics.load(this.#states, slot);
      if (state === FREE) return false;
      if (state === FULL && this.#holdsKey(slot)) return true;
    }
  }

  /** Call it when the object is in its place: from then on others rely on it. */
  add(digest: VerityDigest): void {
    const used = this.#states.length - 1;
    if (Atomics.load(this.#states, used) >= this.#limit) return;
    this.#key.write(digest, 0, "hex");
    for (let slot = this.#first(); ; slot = (slot + 1) & this.#mask) {
      const state = Atomics.compareExchange(this.#states, slot, FREE, CLAIMED);
      if (state === FREE) {
        this.#digests.set(this.#key, slot * this.#size);
        Atomics.store(this.#states, slot, FULL);
        Atomics.add(this.#states, used, 1);
        return;
      }
      // A slot that another thread is filling right now may hold the same digest: a second entry does no harm.
      if (state === FULL && this.#holdsKey(slot)) return;
    }
  }

  #first(): number {
    return this.#key.readUInt32LE(0) & this.#mask;
  }

  #holdsKey(slot: number): boolean {
    const start = slot * this.#size;
    return this.#digests.compare(this.#key, 0, this.#size, start, start + this.#size) === 0;
  }
}
