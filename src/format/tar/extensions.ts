// What the headers in front of an entry say about it: pax (x, and X of Solaris) and GNU long names (L, K). They are held
// in memory until the entry comes, so their size is bounded; of several of one kind the last counts, as in Go's archive/tar.

import { type ByteString, bytesOf } from "../bytes.ts";
import { TarFault, type TarHeader } from "./header.ts";
import type { TarLimits } from "./limits.ts";
import { type PaxFields, parsePax } from "./pax.ts";

export class Extensions {
  readonly #limits: TarLimits;
  #pax: PaxFields | undefined;
  #longName: ByteString | undefined;
  #longLink: ByteString | undefined;
  #pending = false;

  #type = "";
  #size = 0;
  #filled = 0;
  /** Data that comes in pieces. */
  #data: Buffer | undefined;

  constructor(limits: TarLimits) {
    this.#limits = limits;
  }

  get pax(): PaxFields | undefined {
    return this.#pax;
  }

  /** Something waits for its entry. */
  get pending(): boolean {
    return this.#pending;
  }

  /** A pax path does not win over a GNU name: so it is in Go, and nobody writes both. */
  nameOf(header: TarHeader): ByteString {
    return this.#longName ?? this.#pax?.path ?? header.name;
  }

  linknameOf(header: TarHeader): ByteString {
    return this.#longLink ?? this.#pax?.linkpath ?? header.linkname;
  }

  /** The entry has come. */
  clear(): void {
    this.#pending = false;
    this.#pax = undefined;
    this.#longName = undefined;
    this.#longLink = undefined;
  }

  /** @throws TarFault `unsupported` when the header is larger than the limit. */
  begin(type: string, size: number): void {
    if (size > this.#limits.extension) {
      throw new TarFault("unsupported", `an extension header of ${size} bytes, more than ${this.#limits.extension}`);
    }
    this.#pending = true;
    this.#type = type;
    this.#size = size;
    this.#filled = 0;
    if (size === 0) this.#parse(Buffer.alloc(0));
  }

  get complete(): boolean {
    return this.#filled === this.#size;
  }

  /** Takes bytes of the header's data, and returns how many it took. @throws TarFault */
  push(buffer: Buffer, start: number, end: number): number {
    const count = Math.min(this.#size - this.#filled, end - start);
    if (count === this.#size) {
      this.#filled = count;
      this.#parse(buffer.subarray(start, start + count));
      return count;
    }
    this.#data ??= Buffer.allocUnsafe(this.#size);
    buffer.copy(this.#data, this.#filled, start, start + count);
    this.#filled += count;
    if (this.#filled === this.#size) {
      const data = this.#data;
      this.#data = undefined;
      this.#parse(data);
    }
    return count;
  }

  #parse(data: Buffer): void {
    if (this.#type === "L") this.#longName = longText(data);
    else if (this.#type === "K") this.#longLink = longText(data);
    else this.#pax = parsePax(data, this.#limits);
  }
}

/** Up to the first NUL. An empty name leaves the entry's own, as in Go. */
function longText(data: Buffer): ByteString | undefined {
  const nul = data.indexOf(0);
  const end = nul < 0 ? data.length : nul;
  return end === 0 ? undefined : bytesOf(data, 0, end);
}
