// Splitstreams with their zstd compression: written while a layer passes by, read without unpacking more than a step.

import zstd, { type CCtx, type EndDirective, type StreamResult } from "zstd-napi/binding.js";
import { Oci2cfsError } from "../errors.ts";
import type { HashAlgorithm, VerityDigest } from "../format/digest.ts";
import {
  ChunkReader,
  ChunkWriter,
  decodeNamedRefs,
  decodeSplitstream,
  encodeNamedRefs,
  encodeSplitstream,
  type SplitstreamParts,
} from "../format/splitstream.ts";

/** Tar headers shrink to a twentieth at any level; the lowest takes half the time of zstd's default of 3. */
const COMPRESSION_LEVEL = 1;

/** What a layer's inline bytes may take compressed. A million small files take a fifth of it. */
const MAX_COMPRESSED_SIZE = 512 * 1024 * 1024;

const INPUT_SIZE = 256 * 1024;

const MAX_NAMED_REFS_SIZE = 64 * 1024 * 1024;

/** Compresses what comes in pieces. */
class Compressor {
  readonly #context: CCtx = new zstd.CCtx();
  readonly #pieces: Buffer[] = [];
  #output: Buffer = Buffer.allocUnsafeSlow(zstd.cStreamOutSize());
  #filled = 0;
  #size = 0;
  /** Chunks are small, two for each file: a call of the library for each costs more than the compression. */
  readonly #input: Buffer = Buffer.allocUnsafeSlow(INPUT_SIZE);
  #gathered = 0;

  constructor() {
    this.#context.setParameter(zstd.CParameter.compressionLevel, COMPRESSION_LEVEL);
  }

  write(bytes: Buffer): void {
    if (this.#gathered + bytes.length > INPUT_SIZE) this.#runGathered(zstd.EndDirective.continue);
    if (bytes.length > INPUT_SIZE) this.#run(bytes, zstd.EndDirective.continue);
    else this.#gathered += bytes.copy(this.#input, this.#gathered);
  }

  #runGathered(directive: EndDirective): void {
    this.#run(this.#input.subarray(0, this.#gathered), directive);
    this.#gathered = 0;
  }

  #run(bytes: Buffer, directive: EndDirective): void {
    let input = bytes;
    for (;;) {
      if (this.#filled === this.#output.length) this.#takeOutput();
      const [pending, produced, consumed] = this.#context.compressStream2(
        this.#output.subarray(this.#filled),
        input,
        directive,
      );
      this.#filled += produced;
      input = input.subarray(consumed);
      if (directive === zstd.EndDirective.end ? pending === 0 : input.length === 0) return;
    }
  }

  #takeOutput(): void {
    this.#size += this.#filled;
    if (this.#size > MAX_COMPRESSED_SIZE) {
      throw new Oci2cfsError(
        "unsupported",
        `the layer's headers and small files take more than ${MAX_COMPRESSED_SIZE} bytes compressed`,
      );
    }
    this.#pieces.push(this.#output.subarray(0, this.#filled));
    this.#output = Buffer.allocUnsafeSlow(this.#output.length);
    this.#filled = 0;
  }

  finish(): Buffer[] {
    this.#runGathered(zstd.EndDirective.end);
    return [...this.#pieces, this.#output.subarray(0, this.#filled)];
  }
}

/** Builds a splitstream file. */
export class StreamWriter {
  readonly #algorithm: HashAlgorithm;
  readonly #contentType: string;
  readonly #compressor = new Compressor();
  readonly #chunks: ChunkWriter = new ChunkWriter((bytes) => this.#compressor.write(bytes));
  readonly #streamRefs = new Map<VerityDigest, number>();
  readonly #names = new Map<string, number>();

  constructor(options: { algorithm: HashAlgorithm; contentType: string }) {
    this.#algorithm = options.algorithm;
    this.#contentType = options.contentType;
  }

  /** Bytes that are kept in the stream itself. */
  inline(buffer: Buffer, start = 0, end: number = buffer.length): void {
    this.#chunks.inline(buffer, start, end);
  }

  /** The content of an object, `size` bytes, stands here. */
  external(digest: VerityDigest, size: number): void {
    this.#chunks.external(digest, size);
  }

  /** A reference by name, to another stream, an image or an object. */
  named(name: string, digest: VerityDigest): void {
    let index = this.#streamRefs.get(digest);
    if (index === undefined) {
      index = this.#streamRefs.size;
      this.#streamRefs.set(digest, index);
    }
    this.#names.set(name, index);
  }

  /** The whole file in pieces. @throws Oci2cfsError `unsupported` when it is larger than a record may be. */
  finish(): Buffer[] {
    const { objectRefs, streamSize } = this.#chunks.finish();
    const names = new Compressor();
    names.write(encodeNamedRefs(this.#names));
    return encodeSplitstream({
      contentType: this.#contentType,
      algorithm: this.#algorithm,
      streamRefs: [...this.#streamRefs.keys()],
      objectRefs,
      namedRefs: Buffer.concat(names.finish()),
      stream: this.#compressor.finish(),
      streamSize,
    });
  }
}

export interface StreamInfo {
  readonly contentType: string;
  readonly algorithm: HashAlgorithm;
  readonly streamSize: number;
  readonly namedRefs: ReadonlyMap<string, VerityDigest>;
  readonly objectRefs: readonly VerityDigest[];
}

export interface StreamHandler {
  /** Called first, before any content. */
  begin(info: StreamInfo): void;
  inline(buffer: Buffer, start: number, end: number): void;
  external(digest: VerityDigest): void;
}

/** Everything but the content. @throws Oci2cfsError `bad-format` or `unsupported` */
export function readStreamInfo(file: Buffer): StreamInfo {
  return infoOf(decodeSplitstream(file));
}

function infoOf(parts: SplitstreamParts): StreamInfo {
  const { contentType, algorithm, streamSize, objectRefs, streamRefs, namedRefs } = parts;
  const pieces: Buffer[] = [];
  let size = 0;
  decompress(namedRefs, (bytes) => {
    size += bytes.length;
    if (size > MAX_NAMED_REFS_SIZE) throw new Oci2cfsError("bad-format", "splitstream: too many named references");
    pieces.push(Buffer.from(bytes));
  });
  return {
    contentType,
    algorithm,
    streamSize,
    objectRefs,
    namedRefs: decodeNamedRefs(Buffer.concat(pieces), streamRefs),
  };
}

/**
 * @param file a whole splitstream file.
 * @throws Oci2cfsError `bad-format` for a damaged one, `unsupported` for a version that we do not know.
 */
export function readStream(file: Buffer, handler: StreamHandler): StreamInfo {
  const parts = decodeSplitstream(file);
  const info = infoOf(parts);
  handler.begin(info);
  const chunks = new ChunkReader({
    inline: (buffer, start, end) => handler.inline(buffer, start, end),
    external: (index) => {
      const digest = info.objectRefs[index];
      if (digest === undefined) throw new Oci2cfsError("bad-format", `splitstream: no object number ${index}`);
      handler.external(digest);
    },
  });
  decompress(parts.stream, (bytes) => chunks.push(bytes));
  chunks.finish();
  return info;
}

/** Through one reused buffer: memory does not depend on what the frame claims to hold. */
function decompress(compressed: Buffer, sink: (bytes: Buffer) => void): void {
  if (compressed.length === 0) return;
  const context = new zstd.DCtx();
  const output = Buffer.allocUnsafeSlow(256 * 1024);
  let input = compressed;
  for (;;) {
    let result: StreamResult;
    try {
      result = context.decompressStream(output, input);
    } catch (error) {
      throw new Oci2cfsError(
        "bad-format",
        `splitstream: zstd: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    const [pending, produced, consumed] = result;
    if (produced > 0) sink(output.subarray(0, produced));
    input = input.subarray(consumed);
    if (pending === 0 && input.length === 0) return;
    if (produced === 0 && input.length === 0)
      throw new Oci2cfsError("bad-format", "splitstream: zstd: the frame ends early");
  }
}
