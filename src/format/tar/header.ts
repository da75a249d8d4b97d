// The 512-byte header block of a tar: ustar and pax (POSIX.1-2017 "pax", ustar Interchange Format), v7, star, and GNU
// (GNU tar manual "Basic Tar Format"), bytes to fields. No state and no extensions: reader.ts puts those on top.

import { Oci2cfsError } from "../../errors.ts";
import { type ByteString, bytesOf } from "../bytes.ts";
import type { SparseSegment } from "./entry.ts";

export const BLOCK_SIZE = 512;

const SPACE = 0x20;

export interface TarHeader {
  readonly name: ByteString;
  readonly linkname: ByteString;
  /** The type byte as a character; `\0` in v7 archives. */
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds; negative before 1970. */
  readonly mtime: number;
  readonly devMajor: number;
  readonly devMinor: number;
}

/** What is wrong with a header or extension; the reader adds where. */
export class TarFault extends Oci2cfsError {}

export function fault(message: string): never {
  throw new TarFault("bad-format", message);
}

export function isZeroBlock(buffer: Buffer, offset: number): boolean {
  if (buffer[offset] !== 0) return false;
  for (let index = offset + 1; index < offset + BLOCK_SIZE; index++) if (buffer[index] !== 0) return false;
  return true;
}

/** The type byte of a header. @throws TarFault for a wrong checksum: nothing else of such a block means anything. */
export function decodeType(buffer: Buffer, offset: number): string {
  checkChecksum(buffer, offset);
  return typeOf(buffer, offset);
}

function typeOf(buffer: Buffer, offset: number): string {
  return String.fromCharCode(buffer[offset + 156] ?? 0);
}

/** How many bytes follow a header. @throws TarFault when that is no number or a negative one. */
export function decodeSize(buffer: Buffer, offset: number): number {
  return length("size", number(buffer, offset + 124, 12));
}

/** @throws TarFault for a wrong checksum or a field that is no number. */
export function decodeHeader(buffer: Buffer, offset: number): TarHeader {
  checkChecksum(buffer, offset);
  return decodeFields(buffer, offset);
}

/** As decodeHeader, of a block whose type was decoded before: adding up a block takes longer than all of its fields. */
export function decodeFields(buffer: Buffer, offset: number): TarHeader {
  const format = formatOf(buffer, offset);
  const name = text(buffer, offset, 100);
  const prefix =
    format === "ustar" ? text(buffer, offset + 345, 155) : format === "star" ? text(buffer, offset + 345, 131) : "";
  const isV7 = format === "v7";
  return {
    name: prefix === "" ? name : (`${prefix}/${name}` as ByteString),
    linkname: text(buffer, offset + 157, 100),
    type: typeOf(buffer, offset),
    mode: number(buffer, offset + 100, 8) & 0xffff,
    uid: identity("uid", number(buffer, offset + 108, 8)),
    gid: identity("gid", number(buffer, offset + 116, 8)),
    size: decodeSize(buffer, offset),
    mtime: number(buffer, offset + 136, 12),
    devMajor: isV7 ? 0 : identity("device major", number(buffer, offset + 329, 8)),
    devMinor: isV7 ? 0 : identity("device minor", number(buffer, offset + 337, 8)),
  };
}

function formatOf(buffer: Buffer, offset: number): "ustar" | "star" | "gnu" | "v7" {
  const magic = buffer.toString("latin1", offset + 257, offset + 265);
  if (magic === "ustar  \0") return "gnu";
  if (!magic.startsWith("ustar\0")) return "v7";
  return buffer.toString("latin1", offset + 508, offset + 512) === "tar\0" ? "star" : "ustar";
}

const CHECKSUM_OFFSET = 148;
const CHECKSUM_SIZE = 8;

/** The sum of all bytes with the sum's own field as spaces. */
function checkChecksum(buffer: Buffer, offset: number): void {
  let sum = CHECKSUM_SIZE * SPACE;
  for (let index = offset; index < offset + BLOCK_SIZE; index++) sum += buffer[index] ?? 0;
  for (let index = 0; index < CHECKSUM_SIZE; index++) sum -= buffer[offset + CHECKSUM_OFFSET + index] ?? 0;
  const stored = octal(buffer, offset + CHECKSUM_OFFSET, CHECKSUM_SIZE);
  if (stored !== sum && stored !== sum - 256 * highBytes(buffer, offset)) {
    fault("header checksum is wrong: not a tar, or damaged");
  }
}

/** How many bytes have the top bit set, the sum's own aside: old tars added signed bytes. */
function highBytes(buffer: Buffer, offset: number): number {
  let count = 0;
  for (let index = 0; index < BLOCK_SIZE; index++) {
    if (index < CHECKSUM_OFFSET || index >= CHECKSUM_OFFSET + CHECKSUM_SIZE)
      count += (buffer[offset + index] ?? 0) >> 7;
  }
  return count;
}

/** Bytes up to the first NUL. */
function text(buffer: Buffer, offset: number, size: number): ByteString {
  const nul = buffer.indexOf(0, offset);
  const end = nul < 0 || nul > offset + size ? offset + size : nul;
  return bytesOf(buffer, offset, end);
}

const ZERO = 0x30;
const SEVEN = 0x37;

/** An octal number, or GNU's base-256: big-endian two's complement behind a set top bit. */
function number(buffer: Buffer, offset: number, size: number): number {
  if (((buffer[offset] ?? 0) & 0x80) !== 0) return base256(buffer, offset, size);
  const value = octal(buffer, offset, size);
  if (value < 0) {
    fault(`"${bytesOf(buffer, offset, offset + size).replace(/[^ -~]/g, "?")}" is not an octal number`);
  }
  return value;
}

/** Digits among spaces and NULs; no digits are 0, and -1 stands for what is no number. */
function octal(buffer: Buffer, offset: number, size: number): number {
  const end = offset + size;
  let index = offset;
  while (index < end && (buffer[index] === SPACE || buffer[index] === 0)) index++;
  let value = 0;
  for (; index < end; index++) {
    const byte = buffer[index] ?? 0;
    if (byte < ZERO || byte > SEVEN) break;
    value = value * 8 + (byte - ZERO);
  }
  for (; index < end; index++) {
    const byte = buffer[index];
    if (byte === 0) break;
    if (byte !== SPACE) return -1;
  }
  return value;
}

function base256(buffer: Buffer, offset: number, size: number): number {
  let value = BigInt((buffer[offset] ?? 0) & 0x7f);
  for (let index = offset + 1; index < offset + size; index++) value = (value << 8n) | BigInt(buffer[index] ?? 0);
  const signed = BigInt.asIntN(8 * size - 1, value);
  if (signed > BigInt(Number.MAX_SAFE_INTEGER) || signed < -BigInt(Number.MAX_SAFE_INTEGER))
    fault(`number ${signed} is too large`);
  return Number(signed);
}

function identity(what: string, value: number): number {
  if (value < 0 || value > 0xffffffff) fault(`${what} ${value} is not a 32-bit number`);
  return value;
}

function length(what: string, value: number): number {
  if (value < 0) fault(`${what} ${value} is negative`);
  return value;
}

const SPARSE_ENTRY_SIZE = 24;

/** The part of an old GNU sparse map that stands in a header (offset 386, four runs) or its extension (0, 21 runs). */
export interface OldSparseMap {
  readonly segments: SparseSegment[];
  /** Another extension block follows. */
  readonly extended: boolean;
}

export function decodeOldSparseHeader(buffer: Buffer, offset: number): OldSparseMap & { realSize: number } {
  const map = decodeOldSparse(buffer, { start: offset + 386, count: 4, extendedAt: offset + 482 });
  return { ...map, realSize: length("expanded size", number(buffer, offset + 483, 12)) };
}

export function decodeOldSparseExtension(buffer: Buffer, offset: number): OldSparseMap {
  return decodeOldSparse(buffer, { start: offset, count: 21, extendedAt: offset + 504 });
}

function decodeOldSparse(buffer: Buffer, place: { start: number; count: number; extendedAt: number }): OldSparseMap {
  const segments: SparseSegment[] = [];
  for (let index = 0; index < place.count; index++) {
    const at = place.start + index * SPARSE_ENTRY_SIZE;
    // An entry that begins with NUL ends the map.
    if (buffer[at] === 0) break;
    segments.push({
      offset: length("sparse offset", number(buffer, at, 12)),
      length: length("sparse length", number(buffer, at + 12, 12)),
    });
  }
  return { segments, extended: buffer[place.extendedAt] !== 0 };
}
