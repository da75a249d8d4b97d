// What a tar reader tells its user.

import type { TarEntry } from "./entry.ts";

/** Receives an archive in order. Raw and content bytes together are the archive, bit for bit. */
export interface TarHandler {
  /** Headers, extension headers, sparse maps, filling, and all bytes behind the end. */
  raw(buffer: Buffer, start: number, end: number): void;
  /** An entry's headers are complete; every raw byte in front of its content has been handed over. */
  entry(entry: TarEntry): void;
  /** Stored content of the entry announced last, in pieces. */
  content(buffer: Buffer, start: number, end: number): void;
  /** The last stored byte of a regular file has come, also when there was none. */
  contentEnd(): void;
}
