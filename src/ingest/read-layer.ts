// A layer record back to tar entries and where their content is, for compose: no blob is opened and nothing inflated.

import { Oci2cfsError } from "../errors.ts";
import { type ByteString, bytesOf } from "../format/bytes.ts";
import type { VerityDigest } from "../format/digest.ts";
import type { TarEntry } from "../format/tar/entry.ts";
import type { TarHandler } from "../format/tar/handler.ts";
import { TarReader } from "../format/tar/reader.ts";
import { readStream, type StreamHandler, type StreamInfo } from "../store/streams.ts";
import type { EntryContent } from "../tree/build.ts";
import { isExternal, isStoredExternally, LAYER_CONTENT_TYPE, sparseReferenceName } from "./layer-record.ts";

/** Called for each entry in the tar's order; content only for regular files with any. */
export type EntrySink = (entry: TarEntry, content: EntryContent | undefined) => void;

/**
 * @param record a whole splitstream file.
 * @throws Oci2cfsError `bad-format` when the record is damaged or is not a layer's.
 */
export function readLayer(record: Buffer, sink: EntrySink): void {
  const splicer = new EntrySplicer(sink);
  readStream(record, splicer);
  splicer.finish();
}

class EntrySplicer implements TarHandler, StreamHandler {
  readonly #sink: EntrySink;
  readonly #reader: TarReader = new TarReader(this);
  #namedRefs: ReadonlyMap<string, VerityDigest> = new Map();
  #entry: TarEntry | undefined;
  #pieces: ByteString[] = [];

  constructor(sink: EntrySink) {
    this.#sink = sink;
  }

  // What the splitstream says.

  begin(info: StreamInfo): void {
    if (info.contentType !== LAYER_CONTENT_TYPE) {
      throw new Oci2cfsError("bad-format", `layer record: content type is "${info.contentType}"`);
    }
    this.#namedRefs = info.namedRefs;
  }

  inline(buffer: Buffer, start: number, end: number): void {
    this.#reader.push(buffer, start, end);
  }

  external(digest: VerityDigest): void {
    const entry = this.#entry;
    if (entry === undefined || !isStoredExternally(entry)) {
      throw new Oci2cfsError(
        "bad-format",
        `layer record: an object stands at tar byte ${this.#reader.offset}, outside of a file`,
      );
    }
    this.#emit(entry, { external: entry.sparse === undefined ? digest : this.#expanded(entry) });
    this.#reader.skipContent();
  }

  // What the tar says.

  raw(): void {
    // Headers were decoded by the reader already.
  }

  entry(entry: TarEntry): void {
    if (entry.type === "regular") {
      this.#entry = entry;
      this.#pieces = [];
    } else {
      this.#sink(entry, undefined);
    }
  }

  content(buffer: Buffer, start: number, end: number): void {
    this.#pieces.push(bytesOf(buffer, start, end));
  }

  contentEnd(): void {
    const entry = this.#entry;
    if (entry === undefined) return;
    if (isStoredExternally(entry)) {
      throw new Oci2cfsError(
        "bad-format",
        `layer record: content of ${entry.storedSize} bytes at tar byte ${this.#reader.offset} is inline`,
      );
    }
    if (entry.size === 0) this.#emit(entry, undefined);
    else if (isExternal(entry)) this.#emit(entry, { external: this.#expanded(entry) });
    else this.#emit(entry, { inline: expandInline(entry, this.#pieces) });
  }

  #expanded(entry: TarEntry): VerityDigest {
    const digest = this.#namedRefs.get(sparseReferenceName(entry));
    if (digest === undefined) {
      throw new Oci2cfsError("bad-format", `layer record: no object for the sparse file at tar byte ${entry.offset}`);
    }
    return digest;
  }

  #emit(entry: TarEntry, content: EntryContent | undefined): void {
    this.#entry = undefined;
    this.#sink(entry, content);
  }

  finish(): void {
    this.#reader.finish();
  }
}

/** The content of a small file; a sparse one's runs are put to their places among zeros. */
function expandInline(entry: TarEntry, pieces: readonly ByteString[]): ByteString {
  const stored = pieces.join("") as ByteString;
  if (entry.sparse === undefined) return stored;
  const content = Buffer.alloc(entry.size);
  let taken = 0;
  for (const segment of entry.sparse) {
    content.write(stored.slice(taken, taken + segment.length), segment.offset, "latin1");
    taken += segment.length;
  }
  return bytesOf(content);
}
