// File contents that compress as an operating system's do (about 2.7 to 1 by gzip): words of a vocabulary with a skewed
// distribution, and in every block a number, so that no two files are the same by accident.

import { Random } from "./random.ts";

const POOL_SIZE = 64 * 1024 * 1024;
const VOCABULARY = 6000;
const BLOCK = 4096;

/** A file's content: a piece of the pool, told apart by its number. */
export interface Content {
  readonly size: number;
  readonly offset: number;
  readonly number: number;
}

export class ContentMaker {
  readonly #pool: Buffer;
  readonly #random: Random;
  #count = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#pool = makePool(this.#random);
  }

  fresh(size: number): Content {
    return { size, offset: this.#random.below(POOL_SIZE), number: ++this.#count };
  }

  bytes({ size, offset, number }: Content): Buffer {
    const content = Buffer.allocUnsafe(size);
    for (let filled = 0, from = offset; filled < size; from = 0) {
      filled += this.#pool.copy(content, filled, from, Math.min(POOL_SIZE, from + size - filled));
    }
    const mark = `#${number}#`;
    for (let at = 0; at < size; at += BLOCK) content.write(mark, at, "latin1");
    return content;
  }
}

function makePool(random: Random): Buffer {
  const words = Array.from({ length: VOCABULARY }, () => {
    const letters = Array.from({ length: 2 + random.below(9) }, () => String.fromCharCode(97 + random.below(26)));
    return Buffer.from(`${letters.join("")}${random.chance(0.08) ? "\n" : " "}`, "latin1");
  });
  const pool = Buffer.allocUnsafe(POOL_SIZE);
  for (let filled = 0; filled < POOL_SIZE; ) {
    // The power makes early words frequent, as in any language.
    const share = (random.next() / 2 ** 32) ** 5.5;
    const word = words[Math.floor(share * VOCABULARY)] as Buffer;
    filled += word.copy(pool, filled);
  }
  return pool;
}

/** Files by the bit length of their size, as counted in a Debian with a development layer (58,588 files, 1.7 GB). */
const HISTOGRAM: readonly (readonly [bits: number, count: number])[] = [
  [7, 903],
  [8, 3130],
  [9, 5739],
  [10, 8404],
  [11, 8281],
  [12, 8391],
  [13, 7225],
  [14, 5693],
  [15, 4359],
  [16, 2464],
  [17, 1207],
  [18, 644],
  [19, 289],
  [20, 124],
  [21, 70],
  [22, 45],
  [23, 15],
  [24, 12],
  [25, 2],
  [26, 7],
  [27, 1],
];

/** Files of at most 64 bytes, which become part of the image. */
const SMALL_FILES = 1583;

/** Sizes of all files in mixed order. */
export function fileSizes(scale: number, random: Random): number[] {
  const sizes: number[] = [];
  for (let index = 0; index < SMALL_FILES * scale; index++) sizes.push(random.below(65));
  for (const [bits, count] of HISTOGRAM) {
    // The few largest are there at every scale when chance wants it, so that sums stay in proportion.
    const wanted = count * scale;
    const whole = Math.floor(wanted) + (random.chance(wanted - Math.floor(wanted)) ? 1 : 0);
    for (let index = 0; index < whole; index++) sizes.push(Math.floor(2 ** (bits - 1 + random.next() / 2 ** 32)));
  }
  for (let index = sizes.length - 1; index > 0; index--) {
    const other = random.below(index + 1);
    [sizes[index], sizes[other]] = [sizes[other] as number, sizes[index] as number];
  }
  return sizes;
}
