// A layer tar, byte-exact and in any chunking: a push parser that hands every byte of the archive to its handler, as raw
// bytes or as file content, so that nothing is copied and the archive can be rebuilt. Formats: header.ts, pax.ts, sparse.ts.
//
// Global pax headers are passed over, as Go's archive/tar (podman, umoci) and composefs-rs do: applying them would change
// digests. An entry of unknown type is refused by name, as podman does.

import { Oci2cfsError } from "../../errors.ts";
import { type ByteString, printable } from "../bytes.ts";
import { NO_XATTRS } from "../node.ts";
import type { SparseSegment, TarEntry, TarEntryType } from "./entry.ts";
import { Extensions } from "./extensions.ts";
import type { TarHandler } from "./handler.ts";
import {
  BLOCK_SIZE,
  decodeFields,
  decodeOldSparseExtension,
  decodeOldSparseHeader,
  decodeSize,
  decodeType,
  fault,
  isZeroBlock,
  TarFault,
  type TarHeader,
} from "./header.ts";
import { DEFAULT_TAR_LIMITS, type TarLimits } from "./limits.ts";
import { checkSparseMap, SparseMapReader } from "./sparse.ts";

const entryTypes: Readonly<Record<string, TarEntryType>> = {
  "\0": "regular",
  "0": "regular",
  "7": "regular",
  S: "regular",
  "1": "hardlink",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  D: "directory",
  "6": "fifo",
};

type State =
  | "header"
  | "extension" // the data of an x, L or K header
  | "old-sparse" // further blocks of an old GNU sparse map
  | "sparse-map" // a 1.0 sparse map in front of the content
  | "content"
  | "skip" // data that means nothing to us
  | "filling" // zeros up to a whole block
  | "end"; // behind the end of the archive

/** An entry whose sparse map is not complete yet. */
interface PendingSparse {
  readonly header: TarHeader;
  readonly realSize: number;
  readonly name: ByteString | undefined;
  readonly segments: SparseSegment[];
}

export class TarReader {
  readonly #handler: TarHandler;
  readonly #limits: TarLimits;
  #state: State = "header";
  /** Where the entry's first header block lies, and how many entries there were. */
  #entryOffset = 0;
  #entries = 0;
  #offset = 0;
  /** In the buffer being pushed: from here on bytes are raw and not handed over yet. */
  #rawStart = 0;
  /** A header block that came in pieces. */
  readonly #carry: Buffer = Buffer.allocUnsafeSlow(BLOCK_SIZE);
  #carried = 0;
  /** Bytes left of the state's data, and how many there were. */
  #remaining = 0;
  #dataSize = 0;
  #sawZeroBlock = false;
  /** Between the first header block that belongs to an entry and the entry's end. */
  #inEntry = false;

  readonly #extensions: Extensions;
  #sparse: PendingSparse | undefined;
  #mapReader: SparseMapReader | undefined;

  constructor(handler: TarHandler, limits: Partial<TarLimits> = {}) {
    this.#handler = handler;
    this.#limits = { ...DEFAULT_TAR_LIMITS, ...limits };
    this.#extensions = new Extensions(this.#limits);
  }

  /** Bytes of the archive so far, skipped content included. */
  get offset(): number {
    return this.#offset;
  }

  /** The end blocks have come: whatever follows belongs to no entry. */
  get ended(): boolean {
    return this.#state === "end";
  }

  /**
   * Takes the next bytes of the archive. Handler calls get ranges of this buffer.
   * @throws Oci2cfsError `bad-format` or `unsupported`, with entry number and byte offset.
   */
  push(buffer: Buffer, start = 0, end: number = buffer.length): void {
    try {
      this.#rawStart = start;
      let position = start;
      while (position < end) {
        const next = this.#step(buffer, position, end);
        this.#offset += next - position;
        position = next;
      }
      this.#flushRaw(buffer, end);
    } catch (error) {
      throw this.#located(error);
    }
  }

  /** The content of the entry announced last is not among the bytes at all: goes on with what follows it. */
  skipContent(): void {
    if (this.#state !== "content" || this.#remaining !== this.#dataSize) {
      throw this.#located(new TarFault("bad-format", "content is skipped where none begins"));
    }
    this.#offset += this.#remaining;
    this.#endContent();
  }

  /**
   * The archive ends here. One without end blocks is accepted on the border of an entry, as GNU tar and Go do.
   * @throws Oci2cfsError `bad-format` inside an entry.
   */
  finish(): void {
    const complete = this.#state === "end" || (this.#state === "header" && this.#carried === 0 && !this.#inEntry);
    // Filling behind the last entry may be missing: nothing of the files is lost.
    const onlyFilling = this.#state === "filling" && !this.#inEntry;
    if (!complete && !onlyFilling)
      throw this.#located(new TarFault("bad-format", "the archive ends inside of the entry"));
  }

  #located(error: unknown): unknown {
    if (!(error instanceof TarFault)) return error;
    const where = `entry ${this.#entries + 1} at byte ${this.#entryOffset}`;
    return new Oci2cfsError(error.code, `tar: ${where}: ${error.message}`);
  }

  #flushRaw(buffer: Buffer, position: number): void {
    if (position > this.#rawStart) this.#handler.raw(buffer, this.#rawStart, position);
    this.#rawStart = position;
  }

  /** Works on the bytes from `position` and returns where the next step begins. */
  #step(buffer: Buffer, position: number, end: number): number {
    switch (this.#state) {
      case "header":
      case "old-sparse":
        return this.#stepBlock(buffer, position, end);
      case "extension":
        return this.#stepExtension(buffer, position, end);
      case "sparse-map":
        return this.#stepSparseMap(buffer, position, end);
      case "content":
        return this.#stepContent(buffer, position, end);
      case "skip":
      case "filling":
        return this.#stepSkip(position, end);
      case "end":
        return end;
    }
  }

  #stepBlock(buffer: Buffer, position: number, end: number): number {
    if (this.#carried === 0 && end - position >= BLOCK_SIZE) {
      this.#block(buffer, position, { buffer, rawEnd: position + BLOCK_SIZE });
      return position + BLOCK_SIZE;
    }
    const count = Math.min(BLOCK_SIZE - this.#carried, end - position);
    if (this.#carried === 0 && !this.#inEntry) this.#entryOffset = this.#offset;
    buffer.copy(this.#carry, this.#carried, position, position + count);
    this.#carried += count;
    if (this.#carried === BLOCK_SIZE) {
      this.#carried = 0;
      this.#block(this.#carry, 0, { buffer, rawEnd: position + count, carried: true });
    }
    return position + count;
  }

  #block(block: Buffer, offset: number, source: { buffer: Buffer; rawEnd: number; carried?: boolean }): void {
    if (this.#state === "old-sparse") return this.#oldSparseBlock(block, offset, source);
    if (!this.#inEntry && source.carried !== true) this.#entryOffset = this.#offset;
    if (isZeroBlock(block, offset)) {
      if (this.#inEntry) fault("an extension header without its entry");
      if (this.#sawZeroBlock) this.#state = "end";
      this.#sawZeroBlock = true;
      return;
    }
    // Behind a lone zero block GNU tar stops and Go fails: whatever follows is not what podman would unpack.
    if (this.#sawZeroBlock) fault("a lone block of zeros inside the archive");
    switch (decodeType(block, offset)) {
      case "x":
      case "X":
      case "L":
      case "K":
        return this.#beginExtension(block, offset);
      case "g":
      case "V":
        return this.#skip(decodeSize(block, offset));
      case "S": {
        const header = decodeFields(block, offset);
        const map = decodeOldSparseHeader(block, offset);
        this.#sparse = { header, realSize: map.realSize, name: undefined, segments: map.segments };
        if (map.extended) {
          this.#state = "old-sparse";
          this.#inEntry = true;
          return;
        }
        return this.#announceSparse(map.segments, this.#extensions.pax?.size ?? header.size, source);
      }
      default:
        return this.#beginEntry(decodeFields(block, offset), source);
    }
  }

  #skip(size: number): void {
    this.#inEntry = true;
    this.#remaining = size;
    this.#dataSize = size;
    this.#state = "skip";
    if (size === 0) this.#fill({ inEntry: this.#extensions.pending });
  }

  #stepSkip(position: number, end: number): number {
    const count = Math.min(this.#remaining, end - position);
    this.#remaining -= count;
    if (this.#remaining === 0) {
      if (this.#state === "skip") this.#fill({ inEntry: this.#extensions.pending });
      else this.#state = "header";
    }
    return position + count;
  }

  /** Goes on behind the filling of the data that just ended. */
  #fill({ inEntry }: { inEntry: boolean }): void {
    this.#inEntry = inEntry;
    this.#remaining = (BLOCK_SIZE - (this.#dataSize % BLOCK_SIZE)) % BLOCK_SIZE;
    this.#state = this.#remaining === 0 ? "header" : "filling";
  }

  #beginExtension(block: Buffer, offset: number): void {
    this.#inEntry = true;
    this.#dataSize = decodeSize(block, offset);
    this.#extensions.begin(decodeType(block, offset), this.#dataSize);
    if (this.#dataSize === 0) this.#fill({ inEntry: true });
    else this.#state = "extension";
  }

  #stepExtension(buffer: Buffer, position: number, end: number): number {
    const count = this.#extensions.push(buffer, position, end);
    if (this.#extensions.complete) this.#fill({ inEntry: true });
    return position + count;
  }

  #beginEntry(header: TarHeader, source: { buffer: Buffer; rawEnd: number }): void {
    const type = this.#typeOf(header);
    const pax = this.#extensions.pax;
    const size = pax?.size ?? header.size;
    if (type !== "regular") {
      // Links, devices and directories have no content, whatever their size field says; a GNU dumpdir's is a list.
      this.#announce(header, { type, size: 0, storedSize: 0, sparse: undefined, name: undefined }, source);
      if (header.type === "D") this.#skip(size);
      return;
    }
    const sparse = pax?.sparse;
    if (sparse === undefined || (sparse.major === 0 && sparse.realSize === undefined && sparse.segments.length === 0)) {
      return this.#announce(header, { type, size, storedSize: size, sparse: undefined, name: undefined }, source);
    }
    const { realSize, name } = sparse;
    if (realSize === undefined) fault("a sparse file without its expanded size");
    if (sparse.pendingOffset !== undefined) fault("GNU.sparse.offset without a length");
    this.#sparse = { header, realSize, name, segments: sparse.segments };
    if (sparse.major === 0 && sparse.minor <= 1) return this.#announceSparse(sparse.segments, size, source);
    if (sparse.major !== 1 || sparse.minor !== 0) {
      throw new TarFault("unsupported", `sparse format ${sparse.major}.${sparse.minor}`);
    }
    this.#mapReader = new SparseMapReader(this.#limits.sparseSegments);
    this.#inEntry = true;
    this.#remaining = size;
    this.#state = "sparse-map";
    if (size === 0) fault("the sparse map is missing");
  }

  #typeOf(header: TarHeader): TarEntryType {
    const type = entryTypes[header.type];
    if (type === undefined) {
      const name =
        header.type >= "!" && header.type <= "~" ? `'${header.type}'` : `0x${header.type.charCodeAt(0).toString(16)}`;
      throw new TarFault("unsupported", `type ${name} of "${printable(header.name)}"`);
    }
    // v7 archives have no type for directories.
    return header.type === "\0" && this.#extensions.nameOf(header).endsWith("/") ? "directory" : type;
  }

  #oldSparseBlock(block: Buffer, offset: number, source: { buffer: Buffer; rawEnd: number }): void {
    const sparse = this.#sparse as PendingSparse;
    const map = decodeOldSparseExtension(block, offset);
    for (const segment of map.segments) sparse.segments.push(segment);
    if (sparse.segments.length > this.#limits.sparseSegments) {
      fault(`a sparse map of more than ${this.#limits.sparseSegments} runs`);
    }
    if (!map.extended) this.#announceSparse(sparse.segments, this.#extensions.pax?.size ?? sparse.header.size, source);
  }

  #stepSparseMap(buffer: Buffer, position: number, end: number): number {
    const reader = this.#mapReader as SparseMapReader;
    const count = reader.push(buffer, position, Math.min(end, position + this.#remaining));
    this.#remaining -= count;
    if (reader.done) {
      this.#mapReader = undefined;
      this.#announceSparse(reader.segments, this.#remaining, { buffer, rawEnd: position + count });
    } else if (this.#remaining === 0) fault("the sparse map does not end within its entry");
    return position + count;
  }

  #announceSparse(
    segments: readonly SparseSegment[],
    storedSize: number,
    source: { buffer: Buffer; rawEnd: number },
  ): void {
    const { header, realSize, name } = this.#sparse as PendingSparse;
    this.#sparse = undefined;
    const sparse = checkSparseMap(segments, { realSize, storedSize });
    this.#announce(header, { type: "regular", size: realSize, storedSize, sparse, name }, source);
  }

  #announce(
    header: TarHeader,
    content: {
      type: TarEntryType;
      size: number;
      storedSize: number;
      sparse: readonly SparseSegment[] | undefined;
      name: ByteString | undefined;
    },
    source: { buffer: Buffer; rawEnd: number },
  ): void {
    const extensions = this.#extensions;
    const { pax } = extensions;
    const { type, size, storedSize, sparse } = content;
    this.#flushRaw(source.buffer, source.rawEnd);
    const entry: TarEntry = {
      type,
      name: content.name ?? extensions.nameOf(header),
      linkname: extensions.linknameOf(header),
      mode: header.mode,
      uid: pax?.uid ?? header.uid,
      gid: pax?.gid ?? header.gid,
      mtimeSec: pax?.mtimeSec ?? BigInt(header.mtime),
      mtimeNsec: pax?.mtimeNsec ?? 0,
      devMajor: header.devMajor,
      devMinor: header.devMinor,
      size,
      storedSize,
      sparse,
      xattrs: pax?.xattrs ?? NO_XATTRS,
      schilyXattrs: pax?.schilyXattrs ?? pax?.xattrs ?? NO_XATTRS,
      offset: this.#entryOffset,
    };
    extensions.clear();
    this.#inEntry = true;
    this.#remaining = storedSize;
    this.#dataSize = storedSize;
    this.#state = "content";
    this.#handler.entry(entry);
    if (storedSize > 0) return;
    if (type === "regular") this.#endContent();
    else this.#endEntry();
  }

  #stepContent(buffer: Buffer, position: number, end: number): number {
    const count = Math.min(this.#remaining, end - position);
    this.#handler.content(buffer, position, position + count);
    this.#rawStart = position + count;
    this.#remaining -= count;
    if (this.#remaining === 0) this.#endContent();
    return position + count;
  }

  #endContent(): void {
    this.#handler.contentEnd();
    this.#endEntry();
  }

  #endEntry(): void {
    this.#entries++;
    this.#fill({ inEntry: false });
  }
}
