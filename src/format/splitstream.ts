// A splitstream: a file taken apart into inline bytes and references to objects, so that it can be rebuilt bit for bit.
// Format of composefs-rs 0.9 (docs/repo-format.md): header, info section, digests, and a stream of chunks. What is
// compressed in the file stays compressed here: codecs are pure, zstd is the store's business.

import { Oci2cfsError } from "../errors.ts";
import { type HashAlgorithm, hashes, type VerityDigest } from "./digest.ts";

const MAGIC = "SplitStream";
const VERSION = 0;
const LOG_BLOCK_SIZE = 12;
const HEADER_SIZE = 32;
const INFO_SIZE = 80;
const RANGE_SIZE = 16;

export interface SplitstreamParts {
  /** Eight ASCII characters, such as `ocilayer`. */
  readonly contentType: string;
  readonly algorithm: HashAlgorithm;
  /** Digests that named references point at. */
  readonly streamRefs: readonly VerityDigest[];
  /** Objects whose content stands in the stream. */
  readonly objectRefs: readonly VerityDigest[];
  /** Compressed named references (`encodeNamedRefs`). */
  readonly namedRefs: Buffer;
  /** Compressed chunks (`ChunkWriter`). */
  readonly stream: Buffer;
  /** Bytes of the file that the stream rebuilds. */
  readonly streamSize: number;
}

/** The whole file, in the order in which composefs-rs writes it. */
export function encodeSplitstream(parts: Omit<SplitstreamParts, "stream"> & { stream: readonly Buffer[] }): Buffer[] {
  const head = Buffer.alloc(HEADER_SIZE + INFO_SIZE);
  head.write(MAGIC, 0, "latin1");
  head[11] = VERSION;
  head[14] = hashes[parts.algorithm].id;
  head[15] = LOG_BLOCK_SIZE;
  writeRange(head, 16, HEADER_SIZE, INFO_SIZE);
  const streamRefs = Buffer.from(parts.streamRefs.join(""), "hex");
  const objectRefs = Buffer.from(parts.objectRefs.join(""), "hex");
  const streamLength = parts.stream.reduce((sum, piece) => sum + piece.length, 0);
  const objectRefsAt = head.length + streamRefs.length;
  const namedRefsAt = objectRefsAt + objectRefs.length;
  const streamAt = namedRefsAt + parts.namedRefs.length;
  writeRange(head, HEADER_SIZE, head.length, streamRefs.length);
  writeRange(head, HEADER_SIZE + RANGE_SIZE, objectRefsAt, objectRefs.length);
  writeRange(head, HEADER_SIZE + 2 * RANGE_SIZE, streamAt, streamLength);
  writeRange(head, HEADER_SIZE + 3 * RANGE_SIZE, namedRefsAt, parts.namedRefs.length);
  head.write(parts.contentType.padEnd(8, "\0").slice(0, 8), HEADER_SIZE + 64, "latin1");
  head.writeBigUInt64LE(BigInt(parts.streamSize), HEADER_SIZE + 72);
  return [head, streamRefs, objectRefs, parts.namedRefs, ...parts.stream];
}

function writeRange(buffer: Buffer, offset: number, start: number, length: number): void {
  buffer.writeBigUInt64LE(BigInt(start), offset);
  buffer.writeBigUInt64LE(BigInt(start + length), offset + 8);
}

/** @throws Oci2cfsError `bad-format`; `unsupported` for a version or hash that we do not know. */
export function decodeSplitstream(file: Buffer): SplitstreamParts {
  if (file.length < HEADER_SIZE) fail(0, `${file.length} bytes are too few for a header`);
  const layout = headerLayout(file);
  if (file[layout.version] !== VERSION || file.readUInt16LE(layout.flags) !== 0) {
    throw new Oci2cfsError(
      "unsupported",
      `splitstream: version ${file[layout.version]} with flags ${file.readUInt16LE(layout.flags)}`,
    );
  }
  const algorithm = (["sha256", "sha512"] as const).find((name) => hashes[name].id === file[layout.algorithm]);
  if (algorithm === undefined || file[layout.logBlockSize] !== LOG_BLOCK_SIZE) {
    throw new Oci2cfsError(
      "unsupported",
      `splitstream: fs-verity hash ${file[layout.algorithm]} with block size 2^${file[layout.logBlockSize]}`,
    );
  }
  const info = section(file, file, layout.info);
  // Later writers may make it longer: what they add is ignored.
  if (info.length < INFO_SIZE) fail(layout.info, `info section of ${info.length} bytes`);
  return {
    contentType: info.toString("latin1", 64, 72).replace(/\0+$/, ""),
    algorithm,
    streamRefs: digestsOf(section(file, info, 0), algorithm),
    objectRefs: digestsOf(section(file, info, RANGE_SIZE), algorithm),
    stream: section(file, info, 2 * RANGE_SIZE),
    namedRefs: section(file, info, 3 * RANGE_SIZE),
    streamSize: safeInteger(info.readBigUInt64LE(72), HEADER_SIZE),
  };
}

interface HeaderLayout {
  readonly info: number;
  readonly flags: number;
  readonly version: number;
  readonly algorithm: number;
  readonly logBlockSize: number;
}

/** bootc up to 1.15 wrote the header's fields in another order: both are read. */
function headerLayout(file: Buffer): HeaderLayout {
  if (file.toString("latin1", 0, 11) === MAGIC)
    return { version: 11, flags: 12, algorithm: 14, logBlockSize: 15, info: 16 };
  if (file.toString("latin1", 18, 29) === MAGIC)
    return { info: 0, flags: 16, version: 29, algorithm: 30, logBlockSize: 31 };
  return fail(0, "the magic bytes are missing");
}

function fail(offset: number, message: string): never {
  throw new Oci2cfsError("bad-format", `splitstream: byte ${offset}: ${message}`);
}

function safeInteger(value: bigint, offset: number): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) fail(offset, `number ${value} is too large`);
  return Number(value);
}

/** The part of the file that the range at `offset` of `from` names. */
function section(file: Buffer, from: Buffer, offset: number): Buffer {
  const start = from.readBigUInt64LE(offset);
  const end = from.readBigUInt64LE(offset + 8);
  if (start > end || end > BigInt(file.length))
    fail(offset, `range ${start}..${end} of a file of ${file.length} bytes`);
  return file.subarray(Number(start), Number(end));
}

function digestsOf(bytes: Buffer, algorithm: HashAlgorithm): VerityDigest[] {
  const { size } = hashes[algorithm];
  if (bytes.length % size !== 0) fail(0, `${bytes.length} bytes are no whole number of digests`);
  const hex = bytes.toString("hex");
  return Array.from(
    { length: bytes.length / size },
    (_, index) => hex.slice(2 * size * index, 2 * size * (index + 1)) as VerityDigest,
  );
}

/** `INDEX:NAME` records ended by NUL, sorted by name; the index counts stream references. */
export function encodeNamedRefs(names: ReadonlyMap<string, number>): Buffer {
  const records = [...names].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, index]) => `${index}:${name}\0`);
  return Buffer.from(records.join(""), "utf8");
}

/** @throws Oci2cfsError `bad-format` */
export function decodeNamedRefs(bytes: Buffer, streamRefs: readonly VerityDigest[]): Map<string, VerityDigest> {
  const names = new Map<string, VerityDigest>();
  const records = bytes.toString("utf8").split("\0");
  if (records.pop() !== "") fail(0, "a named reference does not end");
  for (const record of records) {
    const colon = record.indexOf(":");
    const index = record.slice(0, Math.max(colon, 0));
    const digest = /^[0-9]{1,9}$/.test(index) ? streamRefs[Number(index)] : undefined;
    if (digest === undefined) fail(0, `named reference ${JSON.stringify(record.slice(0, 80))} leads nowhere`);
    names.set(record.slice(colon + 1), digest);
  }
  return names;
}

/** Inline bytes are gathered up to this size, then they become a chunk: memory stays bounded. */
const GATHER_SIZE = 1024 * 1024;

/** Makes the stream of chunks: a signed 64-bit number, negative for that many inline bytes, else an object's index. */
export class ChunkWriter {
  readonly #sink: (bytes: Buffer) => void;
  /** The number in front and the inline bytes, so that a chunk leaves in one piece. */
  readonly #gathered: Buffer = Buffer.allocUnsafeSlow(8 + GATHER_SIZE);
  #filled = 8;
  readonly #indexes = new Map<VerityDigest, number>();
  #size = 0;

  /** @param sink takes uncompressed bytes, which are only valid during the call. */
  constructor(sink: (bytes: Buffer) => void) {
    this.#sink = sink;
  }

  inline(buffer: Buffer, start: number, end: number): void {
    this.#size += end - start;
    for (let position = start; position < end; ) {
      if (this.#filled === this.#gathered.length) this.#flush();
      const count = Math.min(end - position, this.#gathered.length - this.#filled);
      buffer.copy(this.#gathered, this.#filled, position, position + count);
      this.#filled += count;
      position += count;
    }
  }

  /** An object's content stands here, `size` bytes. */
  external(digest: VerityDigest, size: number): void {
    this.#flush();
    let index = this.#indexes.get(digest);
    if (index === undefined) {
      index = this.#indexes.size;
      this.#indexes.set(digest, index);
    }
    this.#size += size;
    const chunk = Buffer.allocUnsafe(8);
    chunk.writeUInt32LE(index, 0);
    chunk.writeUInt32LE(0, 4);
    this.#sink(chunk);
  }

  #flush(): void {
    if (this.#filled === 8) return;
    this.#gathered.writeBigInt64LE(BigInt(-(this.#filled - 8)), 0);
    this.#sink(this.#gathered.subarray(0, this.#filled));
    this.#filled = 8;
  }

  finish(): { objectRefs: VerityDigest[]; streamSize: number } {
    this.#flush();
    return { objectRefs: [...this.#indexes.keys()], streamSize: this.#size };
  }
}

export interface ChunkHandler {
  inline(buffer: Buffer, start: number, end: number): void;
  external(index: number): void;
}

/** Reads the stream of chunks in any pieces; the handler gets ranges of them. */
export class ChunkReader {
  readonly #handler: ChunkHandler;
  readonly #number: Buffer = Buffer.alloc(8);
  #numberFilled = 0;
  #inlineLeft = 0;
  #offset = 0;

  constructor(handler: ChunkHandler) {
    this.#handler = handler;
  }

  /** @throws Oci2cfsError `bad-format` */
  push(bytes: Buffer): void {
    for (let position = 0; position < bytes.length; ) {
      const count =
        this.#inlineLeft > 0
          ? Math.min(this.#inlineLeft, bytes.length - position)
          : Math.min(8 - this.#numberFilled, bytes.length - position);
      if (this.#inlineLeft > 0) {
        this.#handler.inline(bytes, position, position + count);
        this.#inlineLeft -= count;
      } else {
        bytes.copy(this.#number, this.#numberFilled, position, position + count);
        this.#numberFilled += count;
        if (this.#numberFilled === 8) this.#beginChunk();
      }
      position += count;
      this.#offset += count;
    }
  }

  #beginChunk(): void {
    this.#numberFilled = 0;
    const value = this.#number.readBigInt64LE(0);
    if (value < 0n) this.#inlineLeft = safeInteger(-value, this.#offset);
    else this.#handler.external(safeInteger(value, this.#offset));
  }

  /** @throws Oci2cfsError `bad-format` when the stream ends inside a chunk. */
  finish(): void {
    if (this.#inlineLeft > 0 || this.#numberFilled > 0) fail(this.#offset, "the stream of chunks ends early");
  }
}
