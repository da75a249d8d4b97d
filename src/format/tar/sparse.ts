// Sparse maps: what makes one valid, and the text map that format 1.0 puts in front of the content (GNU tar manual,
// "PAX Format, Version 1.0": decimal numbers, one a line, filled to a block).

import type { SparseSegment } from "./entry.ts";
import { BLOCK_SIZE, fault } from "./header.ts";

/**
 * Runs must come in order, not overlap, lie within the file, and add up to what the archive holds.
 * @throws TarFault
 */
export function checkSparseMap(
  segments: readonly SparseSegment[],
  sizes: { realSize: number; storedSize: number },
): readonly SparseSegment[] {
  let position = 0;
  let stored = 0;
  for (const segment of segments) {
    const end = segment.offset + segment.length;
    if (segment.offset < position || !Number.isSafeInteger(end) || end > sizes.realSize) {
      fault(
        `sparse run of ${segment.length} bytes at ${segment.offset} does not fit a file of ${sizes.realSize} bytes`,
      );
    }
    position = end;
    stored += segment.length;
  }
  if (stored !== sizes.storedSize) {
    fault(`sparse map of ${stored} bytes where the archive holds ${sizes.storedSize}`);
  }
  // Runs of no length only mark the end of the file.
  return segments.filter((segment) => segment.length > 0);
}

const NEWLINE = 0x0a;

/** Reads a 1.0 map from content bytes as they come. */
export class SparseMapReader {
  readonly #limit: number;
  readonly #numbers: number[] = [];
  #current = 0;
  #digits = 0;
  /** How many numbers there are: the first says how many pairs follow. */
  #expected = 1;
  #taken = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes bytes up to the end of the map and its filling; tells how many it took. */
  push(buffer: Buffer, start: number, end: number): number {
    let position = start;
    while (position < end && this.#numbers.length < this.#expected) {
      this.#add(buffer[position] ?? 0);
      position++;
      this.#taken++;
    }
    if (this.#numbers.length === this.#expected) {
      const filling = (BLOCK_SIZE - (this.#taken % BLOCK_SIZE)) % BLOCK_SIZE;
      const count = Math.min(filling, end - position);
      position += count;
      this.#taken += count;
    }
    return position - start;
  }

  #add(byte: number): void {
    if (byte === NEWLINE && this.#digits > 0) {
      this.#numbers.push(this.#current);
      if (this.#numbers.length === 1) {
        if (this.#current > this.#limit) fault(`a sparse map of ${this.#current} runs, more than ${this.#limit}`);
        this.#expected = 1 + 2 * this.#current;
      }
      this.#current = 0;
      this.#digits = 0;
      return;
    }
    const digit = byte - 0x30;
    if (digit < 0 || digit > 9 || this.#digits >= 16) fault("the sparse map is not decimal numbers");
    this.#current = this.#current * 10 + digit;
    this.#digits++;
  }

  get done(): boolean {
    return this.#numbers.length === this.#expected && this.#taken % BLOCK_SIZE === 0;
  }

  /** Bytes of the map with its filling. */
  get size(): number {
    return this.#taken;
  }

  get segments(): SparseSegment[] {
    const segments: SparseSegment[] = [];
    for (let index = 1; index < this.#numbers.length; index += 2) {
      segments.push({ offset: this.#numbers[index] ?? 0, length: this.#numbers[index + 1] ?? 0 });
    }
    return segments;
  }
}
