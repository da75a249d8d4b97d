// pax extended headers (POSIX.1-2017 "pax Extended Header"): records `LENGTH KEY=VALUE\n`, all of it bytes. Also the vendor
// keys SCHILY.xattr.* (star, GNU tar: raw values), LIBARCHIVE.xattr.* (bsdtar: base64) and GNU.sparse.* (GNU tar).

import { type ByteString, bytesOf, printable } from "../bytes.ts";
import type { SparseSegment } from "./entry.ts";
import { fault } from "./header.ts";
import type { TarLimits } from "./limits.ts";

/** What an extended header says; undefined fields leave the entry's own header as it is. */
export interface PaxFields {
  path: ByteString | undefined;
  linkpath: ByteString | undefined;
  size: number | undefined;
  uid: number | undefined;
  gid: number | undefined;
  mtimeSec: bigint | undefined;
  mtimeNsec: number;
  xattrs: Map<ByteString, ByteString> | undefined;
  /** Those that stand under SCHILY.xattr, when there are others; undefined when these are all. */
  schilyXattrs: ReadonlyMap<ByteString, ByteString> | undefined;
  sparse: PaxSparse | undefined;
}

/** GNU.sparse.* of the formats 0.0, 0.1 and 1.0 (GNU tar manual, "PAX Format, Version …"). */
export interface PaxSparse {
  name: ByteString | undefined;
  realSize: number | undefined;
  major: number;
  minor: number;
  segments: SparseSegment[];
  /** 0.0: an offset whose length has not come yet. */
  pendingOffset: number | undefined;
}

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;
const ZERO = 0x30;
const NINE = 0x39;

/** @throws TarFault */
export function parsePax(data: Buffer, limits: TarLimits): PaxFields {
  const fields: PaxFields = {
    path: undefined,
    linkpath: undefined,
    size: undefined,
    uid: undefined,
    gid: undefined,
    mtimeSec: undefined,
    mtimeNsec: 0,
    xattrs: undefined,
    schilyXattrs: undefined,
    sparse: undefined,
  };
  const parsing: Parsing = { fields, limits, libarchive: undefined };
  let xattrBytes = 0;
  let position = 0;
  while (position < data.length) {
    const start = position;
    let length = 0;
    let byte = data[position];
    while (byte !== undefined && byte >= ZERO && byte <= NINE && length < 1e9) {
      length = length * 10 + (byte - ZERO);
      byte = data[++position];
    }
    // Some writers fill the rest of the block with NULs.
    if (byte === 0 && position === start && isZero(data, start)) break;
    const end = start + length;
    if (byte !== SPACE || end > data.length || end <= position + 1 || data[end - 1] !== NEWLINE) {
      fault(`pax record at byte ${start} of its header has a wrong length`);
    }
    const keyStart = position + 1;
    const equals = data.indexOf(EQUALS, keyStart);
    if (equals < 0 || equals >= end) fault(`pax record at byte ${start} of its header has no "="`);
    xattrBytes += applyRecord(parsing, { data, keyStart, equals, end: end - 1 });
    if (xattrBytes > limits.xattrTotal) fault(`xattrs of more than ${limits.xattrTotal} bytes`);
    position = end;
  }
  addLibarchiveXattrs(parsing);
  return fields;
}

function isZero(data: Buffer, start: number): boolean {
  for (let index = start; index < data.length; index++) if (data[index] !== 0) return false;
  return true;
}

interface Parsing {
  readonly fields: PaxFields;
  readonly limits: TarLimits;
  /** LIBARCHIVE.xattr records, names as they stand, until all of SCHILY's are known. */
  libarchive: Map<string, ByteString> | undefined;
}

interface PaxRecord {
  readonly data: Buffer;
  readonly keyStart: number;
  readonly equals: number;
  readonly end: number;
}

const SCHILY_XATTR = "SCHILY.xattr.";
const LIBARCHIVE_XATTR = "LIBARCHIVE.xattr.";
const GNU_SPARSE = "GNU.sparse.";

/** Returns how many bytes of xattrs the record added. */
function applyRecord(parsing: Parsing, record: PaxRecord): number {
  const { fields, limits } = parsing;
  const { data, equals, end } = record;
  const key = data.toString("latin1", record.keyStart, equals);
  const value = (): ByteString => bytesOf(data, equals + 1, end);
  switch (key) {
    case "mtime":
      parseTime(fields, data, { start: equals + 1, end });
      return 0;
    case "path":
      fields.path = optional(cString(value()));
      return 0;
    case "linkpath":
      fields.linkpath = optional(cString(value()));
      return 0;
    case "size":
      fields.size = decimal(key, value());
      return 0;
    case "uid":
      fields.uid = identity(key, value());
      return 0;
    case "gid":
      fields.gid = identity(key, value());
      return 0;
  }
  if (key.startsWith(SCHILY_XATTR)) {
    const xattr = checkXattr({ name: key.slice(SCHILY_XATTR.length), value: value() }, limits);
    fields.xattrs ??= new Map();
    fields.xattrs.set(xattr.name, xattr.value);
    return xattr.name.length + xattr.value.length;
  }
  if (key.startsWith(LIBARCHIVE_XATTR)) {
    const name = key.slice(LIBARCHIVE_XATTR.length);
    const decoded = bytesOf(Buffer.from(value(), "base64"));
    parsing.libarchive ??= new Map();
    parsing.libarchive.set(name, decoded);
    return name.length + decoded.length;
  }
  if (key.startsWith(GNU_SPARSE)) applySparse(fields, key.slice(GNU_SPARSE.length), { value: value(), limits });
  return 0;
}

/**
 * bsdtar writes an attribute under both keys, with unusual characters of its name as percent signs in either: SCHILY's
 * value wins, and its name as it stands, because podman and composefs-rs know no other.
 */
function addLibarchiveXattrs({ fields, limits, libarchive }: Parsing): void {
  if (libarchive === undefined) return;
  fields.xattrs ??= new Map();
  const { xattrs } = fields;
  const schily: ReadonlyMap<string, ByteString> = new Map(xattrs);
  for (const [encodedName, value] of libarchive) {
    const { name } = checkXattr({ name: percentDecode(encodedName), value }, limits);
    if (!schily.has(encodedName) && !schily.has(name)) xattrs.set(name, value);
  }
  if (xattrs.size > schily.size) fields.schilyXattrs = schily as ReadonlyMap<ByteString, ByteString>;
}

function checkXattr(
  xattr: { name: string; value: ByteString },
  limits: TarLimits,
): { name: ByteString; value: ByteString } {
  const name = xattr.name as ByteString;
  if (name === "" || name.includes("\0")) fault("an xattr name is empty or has a NUL");
  if (xattr.value.length > limits.xattrValue) fault(`xattr ${printable(name)} has ${xattr.value.length} bytes`);
  return { name, value: xattr.value };
}

function percentDecode(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** An empty value takes the key away (POSIX). */
function optional(value: ByteString): ByteString | undefined {
  return value === "" ? undefined : value;
}

/** GNU tar and bsdtar read paths as C strings. */
function cString(value: ByteString): ByteString {
  const nul = value.indexOf("\0");
  return nul < 0 ? value : (value.slice(0, nul) as ByteString);
}

function decimal(key: string, value: ByteString): number | undefined {
  if (value === "") return undefined;
  let number = 0;
  for (let index = 0; index < value.length; index++) {
    const digit = value.charCodeAt(index) - ZERO;
    number = digit < 0 || digit > 9 ? Number.NaN : number * 10 + digit;
  }
  if (!Number.isSafeInteger(number))
    fault(`pax ${key}="${value.slice(0, 40).replace(/[^ -~]/g, "?")}" is not a whole number below 2^53`);
  return number;
}

function identity(key: string, value: ByteString): number | undefined {
  const number = decimal(key, value);
  if (number !== undefined && number > 0xffffffff) fault(`pax ${key}=${number} is not a 32-bit number`);
  return number;
}

/** `[-]SECONDS[.FRACTION]`; the fraction's first nine digits count, and a negative time is rounded down to a second. */
function parseTime(fields: PaxFields, data: Buffer, range: { start: number; end: number }): void {
  const { start, end } = range;
  if (start === end) {
    fields.mtimeSec = undefined;
    fields.mtimeNsec = 0;
    return;
  }
  const negative = data[start] === 0x2d;
  let position = negative ? start + 1 : start;
  const first = position;
  let seconds = 0;
  for (; position < end; position++) {
    const digit = (data[position] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) break;
    seconds = seconds * 10 + digit;
  }
  const digits = position - first;
  let nanoseconds = 0;
  let valid = digits > 0 && digits <= 15;
  if (position < end) {
    valid &&= data[position] === 0x2e;
    let scale = 100_000_000;
    for (position++; position < end; position++) {
      const digit = (data[position] ?? 0) - ZERO;
      valid &&= digit >= 0 && digit <= 9;
      nanoseconds += digit * scale;
      scale = Math.floor(scale / 10);
    }
  }
  if (!valid)
    fault(`pax mtime="${bytesOf(data, start, Math.min(end, start + 40)).replace(/[^ -~]/g, "?")}" is not a time`);
  const borrow = negative && nanoseconds > 0;
  fields.mtimeSec = BigInt(negative ? -seconds - (borrow ? 1 : 0) : seconds);
  fields.mtimeNsec = borrow ? 1_000_000_000 - nanoseconds : nanoseconds;
}

function applySparse(
  fields: PaxFields,
  key: string,
  { value, limits }: { value: ByteString; limits: TarLimits },
): void {
  fields.sparse ??= {
    name: undefined,
    realSize: undefined,
    major: 0,
    minor: 0,
    segments: [],
    pendingOffset: undefined,
  };
  const { sparse } = fields;
  const number = (): number => decimal(`GNU.sparse.${key}`, value) ?? 0;
  switch (key) {
    case "name":
      sparse.name = cString(value);
      break;
    case "size":
    case "realsize":
      sparse.realSize = number();
      break;
    case "major":
      sparse.major = number();
      break;
    case "minor":
      sparse.minor = number();
      break;
    case "offset":
      if (sparse.pendingOffset !== undefined) fault("GNU.sparse.offset twice without a length");
      sparse.pendingOffset = number();
      break;
    case "numbytes":
      if (sparse.pendingOffset === undefined) fault("GNU.sparse.numbytes without an offset");
      addSegment(sparse, { offset: sparse.pendingOffset, length: number() }, limits);
      sparse.pendingOffset = undefined;
      break;
    case "map": {
      const parts = value === "" ? [] : value.split(",", 2 * limits.sparseSegments + 2);
      if (parts.length % 2 !== 0) fault("GNU.sparse.map has an odd number of parts");
      sparse.segments = [];
      for (let index = 0; index < parts.length; index += 2) {
        const offset = decimal(key, (parts[index] ?? "") as ByteString) ?? 0;
        addSegment(sparse, { offset, length: decimal(key, (parts[index + 1] ?? "") as ByteString) ?? 0 }, limits);
      }
    }
  }
}

function addSegment(sparse: PaxSparse, segment: SparseSegment, limits: TarLimits): void {
  if (sparse.segments.length >= limits.sparseSegments) fault(`a sparse map of more than ${limits.sparseSegments} runs`);
  sparse.segments.push(segment);
}
