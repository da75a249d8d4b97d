// Reads archives with TarReader and keeps everything that it says, in the order in which it says it.

import { bytesOf } from "../../../src/format/bytes.ts";
import type { TarEntry } from "../../../src/format/tar/entry.ts";
import type { TarHandler } from "../../../src/format/tar/handler.ts";
import type { TarLimits } from "../../../src/format/tar/limits.ts";
import { TarReader } from "../../../src/format/tar/reader.ts";

export interface RecordedEntry {
  readonly entry: TarEntry;
  /** The bytes that the archive stores. */
  readonly stored: Buffer;
}

export interface Recording {
  readonly entries: readonly RecordedEntry[];
  /** Raw and content bytes in call order. */
  readonly rebuilt: Buffer;
  /** Every entry before the failure. */
  readonly error: unknown;
  readonly offset: number;
}

export interface ReadOptions {
  readonly limits?: Partial<TarLimits>;
  /** Sizes of the pieces that are pushed, used in turn; everything at once when not given. */
  readonly pieces?: readonly number[];
}

/** Throws when calls come in an order that the interface does not allow: such a throw is never an Oci2cfsError. */
class Recorder implements TarHandler {
  readonly entries: { entry: TarEntry; pieces: Buffer[] }[] = [];
  readonly all: Buffer[] = [];
  #open: { entry: TarEntry; pieces: Buffer[]; count: number } | undefined;
  #length = 0;

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  raw(buffer: Buffer, start: number, end: number): void {
    if (this.#open !== undefined) throw new Error("raw bytes within content");
    this.#keep(buffer, start, end);
  }

  entry(entry: TarEntry): void {
    if (this.#open !== undefined) throw new Error("an entry within content");
    if (entry.offset % 512 !== 0 || entry.offset + 512 > this.#length) throw new Error("an entry before its header");
    if (entry.sparse === undefined && entry.size !== entry.storedSize) throw new Error("a size that is not stored");
    const recorded = { entry, pieces: [] };
    this.entries.push(recorded);
    if (entry.type === "regular") this.#open = { ...recorded, count: 0 };
    else if (entry.storedSize !== 0 || entry.size !== 0) throw new Error(`a ${entry.type} with content`);
  }

  content(buffer: Buffer, start: number, end: number): void {
    if (this.#open === undefined) throw new Error("content without a file");
    this.#open.pieces.push(this.#keep(buffer, start, end));
    this.#open.count += end - start;
  }

  contentEnd(): void {
    if (this.#open === undefined) throw new Error("the end of content without a file");
    if (this.#open.count !== this.#open.entry.storedSize) throw new Error("content of the wrong length");
    this.#open = undefined;
  }

  #keep(buffer: Buffer, start: number, end: number): Buffer {
    if (end <= start || end > buffer.length) throw new Error(`the range ${start} to ${end}`);
    const bytes = Buffer.from(buffer.subarray(start, end));
    this.#length += bytes.length;
    this.all.push(bytes);
    return bytes;
  }
}

/** Reads a whole archive and keeps a failure instead of throwing it. */
export function record(archive: Buffer, options: ReadOptions = {}): Recording {
  const recorder = new Recorder();
  const reader = new TarReader(recorder, options.limits);
  let error: unknown;
  try {
    const pieces = options.pieces ?? [archive.length];
    for (let start = 0, turn = 0; start < archive.length; turn++) {
      const end = Math.min(archive.length, start + Math.max(1, pieces[turn % pieces.length] ?? 1));
      reader.push(archive, start, end);
      start = end;
    }
    reader.finish();
    if (recorder.isOpen) throw new Error("the archive is finished within content");
  } catch (failure) {
    error = failure;
  }
  return {
    entries: recorder.entries.map(({ entry, pieces }) => ({ entry, stored: Buffer.concat(pieces) })),
    rebuilt: Buffer.concat(recorder.all),
    error,
    offset: reader.offset,
  };
}

/** Reads a whole archive. Throws what the reader throws, and when the bytes handed over are not the archive. */
export function read(archive: Buffer, options: ReadOptions = {}): readonly RecordedEntry[] {
  const recording = record(archive, options);
  if (recording.error !== undefined) throw recording.error;
  if (!recording.rebuilt.equals(archive)) throw new Error("raw and content bytes are not the archive");
  if (recording.offset !== archive.length) throw new Error("the reader lost count of its bytes");
  return recording.entries;
}

/** The first entry of an archive. */
export function readOne(archive: Buffer, options: ReadOptions = {}): RecordedEntry {
  const [first] = read(archive, options);
  if (first === undefined) throw new Error("no entry");
  return first;
}

/** A sparse file with its holes filled in. */
export function expand({ entry, stored }: RecordedEntry): Buffer {
  if (entry.sparse === undefined) return stored;
  const content = Buffer.alloc(entry.size);
  let taken = 0;
  for (const { offset, length } of entry.sparse) {
    stored.copy(content, offset, taken, taken + length);
    taken += length;
  }
  return content;
}

/** xattr values as hex, by name. */
export function xattrsOf({ entry }: RecordedEntry): Record<string, string> {
  return Object.fromEntries(
    [...entry.xattrs].map(([name, value]) => [name, Buffer.from(value, "latin1").toString("hex")]),
  );
}

/** The bytes of a text in UTF-8, as names are held. */
export function utf8(text: string): string {
  return bytesOf(Buffer.from(text, "utf8"));
}
