// One layer blob, read once from front to back: compressed bytes → blob digest → decompress → diffID → tar entries →
// objects and the layer record. Nothing that names the layer leaves here before both digests match.

import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { Oci2cfsError } from "../errors.ts";
import { type HashAlgorithm, type OciDigest, ociAlgorithm, type VerityDigest } from "../format/digest.ts";
import type { LayerCompression } from "../format/oci.ts";
import type { TarEntry } from "../format/tar/entry.ts";
import type { TarHandler } from "../format/tar/handler.ts";
import { TarReader } from "../format/tar/reader.ts";
import { StreamWriter } from "../store/streams.ts";
import type { BlobFile } from "../sys/blob-file.ts";
import {
  type ContentWriter,
  ExpandingWriter,
  GATHER_LIMIT,
  GatheringWriter,
  nowhere,
  type ObjectSink,
  StreamingWriter,
} from "./content.ts";
import { createDecompressor } from "./decompress.ts";
import { isExternal, isStoredExternally, LAYER_CONTENT_TYPE, sparseReferenceName } from "./layer-record.ts";

const READ_SIZE = 1024 * 1024;

export interface LayerImport {
  readonly blob: BlobFile;
  /** What the blob must hash to, and its size in bytes, as the manifest says. */
  readonly digest: OciDigest;
  readonly size: number;
  readonly compression: LayerCompression;
  /** What the decompressed tar must hash to, as the config says. */
  readonly diffId: OciDigest;
  readonly algorithm: HashAlgorithm;
}

export interface ImportedLayer {
  /** The layer record, a whole splitstream file in pieces. */
  readonly record: Buffer[];
  /** Tar entries, and bytes of tar. */
  readonly entries: number;
  readonly tarSize: number;
  /** When nothing is stored: the files whose text decides about the image (`isPolicyFile`). */
  readonly policyFiles: PolicyFile[];
}

export interface PolicyFile {
  readonly digest: VerityDigest;
  readonly content: Buffer;
}

/** SELinux configuration is read when an image is made bootable; its largest file has about 500 KB. */
function isPolicyFile(entry: TarEntry): boolean {
  return entry.size <= GATHER_LIMIT && /^(?:\.?\/)*etc\/selinux\//.test(entry.name);
}

/** What is kept of them at most, for a hostile image's sake. */
const MAX_POLICY_BYTES = 64 * 1024 * 1024;

/**
 * @param onProgress called with the number of blob bytes read since the last call.
 * @throws Oci2cfsError `digest-mismatch` for a blob or tar that is not what manifest and config say, `bad-format` for
 * bytes that are no gzip, zstd or tar, `unsupported` for what a composefs cannot hold, `io` for a failing machine.
 */
export async function importLayer(
  layer: LayerImport,
  sink: ObjectSink,
  onProgress: (bytes: number) => void,
): Promise<ImportedLayer> {
  if (layer.blob.size !== layer.size) throw sizeMismatch(layer, layer.blob.size);
  const splitter = new TarSplitter(layer.algorithm, sink);
  const diffHash = createHash(ociAlgorithm(layer.diffId));
  const decompressor = createDecompressor(layer.compression, (bytes) => {
    diffHash.update(bytes);
    splitter.push(bytes);
  });
  try {
    const blobDigest = await readBlob(layer, onProgress, (bytes) => decompressor.write(bytes));
    await decompressor.finish();
    // The blob digest first: when both are wrong, the transfer is to blame and not the image.
    expectDigest("blob", layer.digest, blobDigest);
    expectDigest("diffID of the tar", layer.diffId, `${ociAlgorithm(layer.diffId)}:${diffHash.digest("hex")}`);
    return splitter.finish();
  } catch (error) {
    splitter.discard();
    throw await blameTransfer(layer, error);
  } finally {
    decompressor.close();
  }
}

/** Reads with two buffers in turn: while zlib's thread inflates one, the next is read and hashed. */
async function readBlob(
  layer: LayerImport,
  onProgress: (bytes: number) => void,
  write: (bytes: Buffer) => Promise<void> | undefined,
): Promise<string> {
  const hash = createHash(ociAlgorithm(layer.digest));
  const fd = openSync(layer.blob.path, "r");
  const buffers = [Buffer.allocUnsafeSlow(READ_SIZE), Buffer.allocUnsafeSlow(READ_SIZE)] as const;
  let pending: Promise<void> | undefined;
  try {
    for (let position = 0, turn = 0; position < layer.size; turn ^= 1) {
      const buffer = turn === 0 ? buffers[0] : buffers[1];
      const length = Math.min(READ_SIZE, layer.size - position);
      const count = readSync(fd, buffer, 0, length, layer.blob.offset + position);
      if (count === 0) throw sizeMismatch(layer, position);
      position += count;
      const bytes = buffer.subarray(0, count);
      hash.update(bytes);
      await pending;
      pending = write(bytes);
      onProgress(count);
    }
    await pending;
  } catch (error) {
    // The other buffer's write fails for the same reason; it must not become an unhandled rejection.
    pending?.catch(() => undefined);
    throw error;
  } finally {
    closeSync(fd);
  }
  return `${ociAlgorithm(layer.digest)}:${hash.digest("hex")}`;
}

/**
 * A blob that cannot be read as gzip or tar is most often a blob that was cut or changed on its way: if its digest is
 * wrong, that is the error to show. Costs a second read, of broken layers only.
 */
async function blameTransfer(layer: LayerImport, error: unknown): Promise<unknown> {
  if (!(error instanceof Oci2cfsError) || error.code !== "bad-format") return error;
  const digest = await readBlob(
    layer,
    () => undefined,
    () => undefined,
  );
  if (digest === layer.digest) return error;
  return new Oci2cfsError("digest-mismatch", mismatch("blob", layer.digest, digest), { cause: error });
}

function expectDigest(what: string, expected: OciDigest, actual: string): void {
  if (expected !== actual) throw new Oci2cfsError("digest-mismatch", mismatch(what, expected, actual));
}

function mismatch(what: string, expected: OciDigest, actual: string): string {
  return `${what}: expected ${expected}, got ${actual}`;
}

function sizeMismatch(layer: LayerImport, actual: number): Oci2cfsError {
  return new Oci2cfsError("digest-mismatch", `blob: expected ${layer.size} bytes, got ${actual}`);
}

/** Splits tar bytes into objects and the layer record. */
class TarSplitter implements TarHandler {
  readonly #algorithm: HashAlgorithm;
  readonly #sink: ObjectSink;
  readonly #reader: TarReader = new TarReader(this);
  readonly #record: StreamWriter;
  readonly #gathering: GatheringWriter;
  readonly #policyFiles: PolicyFile[] = [];
  #policyBytes = 0;
  #policyPieces: Buffer[] | undefined;
  #entries = 0;
  #entry: TarEntry | undefined;
  /** Receives the stored bytes of the current file when they become an object. */
  #stored: ContentWriter | undefined;
  /** Receives them as well when the file is sparse, and makes the object that the image shows. */
  #expanded: ContentWriter | undefined;

  constructor(algorithm: HashAlgorithm, sink: ObjectSink) {
    this.#algorithm = algorithm;
    this.#sink = sink;
    this.#record = new StreamWriter({ algorithm, contentType: LAYER_CONTENT_TYPE });
    this.#gathering = new GatheringWriter(algorithm, sink);
  }

  push(bytes: Buffer): void {
    this.#reader.push(bytes);
  }

  raw(buffer: Buffer, start: number, end: number): void {
    this.#record.inline(buffer, start, end);
  }

  entry(entry: TarEntry): void {
    this.#entries++;
    this.#entry = entry;
    if (isStoredExternally(entry)) this.#stored = this.#storedWriter(entry.storedSize);
    const keep = this.#sink === nowhere && isExternal(entry) && isPolicyFile(entry);
    this.#policyPieces = keep && this.#policyBytes + entry.size <= MAX_POLICY_BYTES ? [] : undefined;
    if (entry.sparse !== undefined && isExternal(entry)) {
      this.#expanded = new ExpandingWriter(this.#algorithm, this.#sink, { segments: entry.sparse, size: entry.size });
    }
  }

  #storedWriter(size: number): ContentWriter {
    if (size > GATHER_LIMIT) return new StreamingWriter(this.#algorithm, this.#sink);
    this.#gathering.begin(size);
    return this.#gathering;
  }

  content(buffer: Buffer, start: number, end: number): void {
    if (this.#stored === undefined) this.#record.inline(buffer, start, end);
    else this.#stored.write(buffer, start, end);
    this.#expanded?.write(buffer, start, end);
    this.#policyPieces?.push(Buffer.from(buffer.subarray(start, end)));
  }

  contentEnd(): void {
    const entry = this.#entry;
    if (entry === undefined) return;
    if (this.#stored !== undefined) {
      const digest = this.#stored.finish();
      this.#record.external(digest, entry.storedSize);
      this.#stored = undefined;
      this.#keepPolicyFile(digest);
    }
    if (this.#expanded !== undefined) {
      const digest: VerityDigest = this.#expanded.finish();
      this.#expanded = undefined;
      this.#record.named(sparseReferenceName(entry), digest);
    }
  }

  #keepPolicyFile(digest: VerityDigest): void {
    if (this.#policyPieces === undefined) return;
    const content = Buffer.concat(this.#policyPieces);
    this.#policyPieces = undefined;
    this.#policyBytes += content.length;
    this.#policyFiles.push({ digest, content });
  }

  finish(): ImportedLayer {
    this.#reader.finish();
    return {
      record: this.#record.finish(),
      entries: this.#entries,
      tarSize: this.#reader.offset,
      policyFiles: this.#policyFiles,
    };
  }

  discard(): void {
    this.#stored?.discard();
    this.#expanded?.discard();
  }
}
