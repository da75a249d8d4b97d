// One file's content on its way into the object store: hashed as it passes, held back while it is small.

import type { HashAlgorithm, VerityDigest } from "../format/digest.ts";
import type { SparseSegment } from "../format/tar/entry.ts";
import { VerityHasher, verityDigest } from "../format/verity.ts";

/** An object being written whose name is not known yet. */
export interface ObjectFile {
  write(buffer: Buffer, start: number, end: number): void;
  /** Leaves a hole of `count` bytes. */
  skip(count: number): void;
  /** Gives the object its name. */
  commit(digest: VerityDigest): void;
  discard(): void;
}

/** Where objects go: the store, or nowhere when only digests are wanted. */
export interface ObjectSink {
  put(content: Buffer, digest: VerityDigest): void;
  create(): ObjectFile;
}

/** For `compute-digest`: everything is hashed and nothing kept. */
export const nowhere: ObjectSink = {
  put: () => undefined,
  create: () => ({ write: () => undefined, skip: () => undefined, commit: () => undefined, discard: () => undefined }),
};

/** A receiver of one file's stored bytes. */
export interface ContentWriter {
  write(buffer: Buffer, start: number, end: number): void;
  /** All bytes have come. */
  finish(): VerityDigest;
  /** They will not come: gives back what was taken. */
  discard(): void;
}

/**
 * Files up to this size are gathered in memory: their name is known before a file is made, so an object that exists
 * costs no system call, and the rest one write each.
 */
export const GATHER_LIMIT: number = 1024 * 1024;

/** Gathers small files one after the other in one buffer; a file that lies in one piece is not copied at all. */
export class GatheringWriter implements ContentWriter {
  readonly #algorithm: HashAlgorithm;
  readonly #sink: ObjectSink;
  readonly #buffer: Buffer = Buffer.allocUnsafeSlow(GATHER_LIMIT);
  #expected = 0;
  #filled = 0;
  #digest: VerityDigest | undefined;

  constructor(algorithm: HashAlgorithm, sink: ObjectSink) {
    this.#algorithm = algorithm;
    this.#sink = sink;
  }

  /** Starts the next file, of `size` bytes, at most GATHER_LIMIT. */
  begin(size: number): void {
    this.#expected = size;
    this.#filled = 0;
    this.#digest = undefined;
  }

  write(buffer: Buffer, start: number, end: number): void {
    if (this.#filled === 0 && end - start === this.#expected) {
      this.#store(buffer.subarray(start, end));
      return;
    }
    buffer.copy(this.#buffer, this.#filled, start, end);
    this.#filled += end - start;
    if (this.#filled === this.#expected) this.#store(this.#buffer.subarray(0, this.#filled));
  }

  #store(content: Buffer): void {
    this.#digest = verityDigest(content, this.#algorithm);
    this.#sink.put(content, this.#digest);
  }

  finish(): VerityDigest {
    if (this.#digest === undefined) throw new Error(`content of ${this.#expected} bytes ended after ${this.#filled}`);
    return this.#digest;
  }

  discard(): void {
    this.#filled = 0;
  }
}

/** Large files: hashed and written as they come. The Merkle tree costs one block a level, whatever the size. */
export class StreamingWriter implements ContentWriter {
  readonly #hasher: VerityHasher;
  readonly #file: ObjectFile;

  constructor(algorithm: HashAlgorithm, sink: ObjectSink) {
    this.#hasher = new VerityHasher(algorithm);
    this.#file = sink.create();
  }

  write(buffer: Buffer, start: number, end: number): void {
    this.#hasher.update(buffer, start, end);
    this.#file.write(buffer, start, end);
  }

  skip(count: number): void {
    this.#hasher.updateZeros(count);
    this.#file.skip(count);
  }

  finish(): VerityDigest {
    const digest = this.#hasher.digest();
    this.#file.commit(digest);
    return digest;
  }

  discard(): void {
    this.#file.discard();
  }
}

/** Sparse files: the stored runs go to their places, holes between. Memory is the same for a hole of any size. */
export class ExpandingWriter implements ContentWriter {
  readonly #writer: StreamingWriter;
  readonly #segments: readonly SparseSegment[];
  readonly #size: number;
  #segment = 0;
  #taken = 0;
  #position = 0;

  constructor(
    algorithm: HashAlgorithm,
    sink: ObjectSink,
    sparse: { segments: readonly SparseSegment[]; size: number },
  ) {
    this.#writer = new StreamingWriter(algorithm, sink);
    this.#segments = sparse.segments;
    this.#size = sparse.size;
  }

  write(buffer: Buffer, start: number, end: number): void {
    let from = start;
    while (from < end) {
      const segment = this.#segments[this.#segment];
      if (segment === undefined) throw new Error("more stored bytes than the sparse map has room for");
      if (this.#taken === segment.length) {
        this.#segment++;
        this.#taken = 0;
        continue;
      }
      this.#skipTo(segment.offset + this.#taken);
      const length = Math.min(end - from, segment.length - this.#taken);
      this.#writer.write(buffer, from, from + length);
      from += length;
      this.#taken += length;
      this.#position += length;
    }
  }

  #skipTo(offset: number): void {
    if (offset > this.#position) this.#writer.skip(offset - this.#position);
    this.#position = offset;
  }

  finish(): VerityDigest {
    this.#skipTo(this.#size);
    return this.#writer.finish();
  }

  discard(): void {
    this.#writer.discard();
  }
}
