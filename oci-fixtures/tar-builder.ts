// Layer tars block by block: ustar headers (POSIX.1-2017 "pax", ustar Interchange Format), pax and GNU extensions, and
// headers that are wrong on purpose, which no tar library writes. Strings are bytes: each character U+0000 to U+00FF is one.

const BLOCK_SIZE = 512;

/** When everything in the fixtures was last changed, unless a case says otherwise. Short, for the dumps' sake. */
export const MTIME = 1000;

export interface HeaderFields {
  readonly name: string;
  /** The type byte: "0" file, "1" hard link, "2" symlink, "3" character, "4" block, "5" directory, "6" fifo. */
  readonly type: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: number;
  readonly mtime?: number;
  readonly linkname?: string;
  readonly devMajor?: number;
  readonly devMinor?: number;
  /** The ustar prefix: what stands in front of the name and a slash. */
  readonly prefix?: string;
  /** `gnu` has another magic and no prefix. */
  readonly format?: "ustar" | "gnu";
}

/** What an entry has besides its name and type; nothing given is root's, of {@link MTIME} and of the type's usual mode. */
export interface EntryOptions extends Omit<Partial<HeaderFields>, "name" | "type"> {
  /** Records of a pax header in front of the entry. */
  readonly pax?: Readonly<Record<string, string>>;
  /** Extended attributes, as pax records `SCHILY.xattr.*`. */
  readonly xattrs?: Readonly<Record<string, string>>;
}

/** One header block with its checksum. */
export function header(fields: HeaderFields): Buffer {
  const block = Buffer.alloc(BLOCK_SIZE);
  const text = (value: string, offset: number, size: number): void => {
    if (value.length > size) throw new RangeError(`"${value}" does not fit into ${size} bytes`);
    block.write(value, offset, "latin1");
  };
  text(fields.name, 0, 100);
  writeNumber(block, fields.mode ?? 0o644, { offset: 100, size: 8 });
  writeNumber(block, fields.uid ?? 0, { offset: 108, size: 8 });
  writeNumber(block, fields.gid ?? 0, { offset: 116, size: 8 });
  writeNumber(block, fields.size ?? 0, { offset: 124, size: 12 });
  writeNumber(block, fields.mtime ?? MTIME, { offset: 136, size: 12 });
  text(fields.type, 156, 1);
  text(fields.linkname ?? "", 157, 100);
  text(fields.format === "gnu" ? "ustar  \0" : "ustar\x0000", 257, 8);
  if (fields.format !== "gnu" || fields.devMajor !== undefined) {
    writeNumber(block, fields.devMajor ?? 0, { offset: 329, size: 8 });
    writeNumber(block, fields.devMinor ?? 0, { offset: 337, size: 8 });
  }
  text(fields.prefix ?? "", 345, 155);
  return seal(block);
}

/** Puts the right checksum into a header block that was changed by hand. */
export function seal(block: Buffer): Buffer {
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** Octal with a NUL behind it, or GNU's base-256 where that does not fit. */
function writeNumber(block: Buffer, value: number, { offset, size }: { offset: number; size: number }): void {
  const digits = value.toString(8).padStart(size - 1, "0");
  if (value >= 0 && digits.length < size) {
    block.write(`${digits}\0`, offset, "latin1");
    return;
  }
  let rest = BigInt.asUintN(8 * size, BigInt(value));
  for (let index = offset + size - 1; index >= offset; index--) {
    block[index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  block[offset] = (block[offset] ?? 0) | 0x80;
}

/** Content with zeros up to a whole block. */
export function padded(content: Buffer): Buffer {
  const rest = content.length % BLOCK_SIZE;
  return rest === 0 ? content : Buffer.concat([content, Buffer.alloc(BLOCK_SIZE - rest)]);
}

/** As an object, or as pairs where a key comes several times. */
export type PaxRecords = Readonly<Record<string, string>> | readonly (readonly [key: string, value: string])[];

/** A pax header: records `LENGTH KEY=VALUE\n`, in the order given. */
export function paxHeader(records: PaxRecords): Buffer {
  const pairs = Symbol.iterator in records ? records : Object.entries(records);
  const data = Buffer.from(pairs.map(([key, value]) => paxRecord(key, value)).join(""), "latin1");
  return Buffer.concat([header({ name: "PaxHeaders.0/entry", type: "x", size: data.length }), padded(data)]);
}

function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (`${length}${rest}`.length !== length) length = `${length}${rest}`.length;
  return `${length}${rest}`;
}

/** A GNU long name ("L") or long link target ("K") for the entry behind it. */
export function gnuLong(type: "L" | "K", text: string): Buffer {
  const data = Buffer.from(`${text}\0`, "latin1");
  return Buffer.concat([header({ name: "././@LongLink", type, size: data.length, format: "gnu" }), padded(data)]);
}

function entry(fields: HeaderFields, { pax, xattrs }: EntryOptions, content?: Buffer): Buffer {
  const attributes = Object.entries(xattrs ?? {}).map(([name, value]) => [`SCHILY.xattr.${name}`, value] as const);
  const records = [...Object.entries(pax ?? {}), ...attributes];
  return Buffer.concat([
    ...(records.length === 0 ? [] : [paxHeader(records)]),
    header(fields),
    ...(content === undefined ? [] : [padded(content)]),
  ]);
}

export function directory(path: string, options: EntryOptions = {}): Buffer {
  return entry({ mode: 0o755, ...options, name: path === "" ? "./" : `${path}/`, type: "5" }, options);
}

/** @param content text is bytes, as names are. */
export function file(path: string, content: Buffer | string = "", options: EntryOptions = {}): Buffer {
  const bytes = typeof content === "string" ? Buffer.from(content, "latin1") : content;
  return entry({ size: bytes.length, ...options, name: path, type: "0" }, options, bytes);
}

export function symlink(path: string, target: string, options: EntryOptions = {}): Buffer {
  return entry({ mode: 0o777, linkname: target, ...options, name: path, type: "2" }, options);
}

/** A further name of the file that `target` names, from the root. */
export function hardlink(path: string, target: string, options: EntryOptions = {}): Buffer {
  return entry({ linkname: target, ...options, name: path, type: "1" }, options);
}

export function device(path: string, kind: "character" | "block", options: EntryOptions = {}): Buffer {
  return entry({ ...options, name: path, type: kind === "character" ? "3" : "4" }, options);
}

export function fifo(path: string, options: EntryOptions = {}): Buffer {
  return entry({ ...options, name: path, type: "6" }, options);
}

/** Hides what lower layers have at the path (image-spec layer.md "Whiteouts"). */
export function whiteout(path: string): Buffer {
  const slash = path.lastIndexOf("/") + 1;
  return file(`${path.slice(0, slash)}.wh.${path.slice(slash)}`);
}

/** Hides all that lower layers have in the directory (image-spec layer.md "Opaque Whiteout"). */
export function opaque(path: string): Buffer {
  return file(`${path}/.wh..wh..opq`);
}

/** An archive of entries with its two end blocks. */
export function tar(...entries: readonly Buffer[]): Buffer {
  return Buffer.concat([...entries, Buffer.alloc(2 * BLOCK_SIZE)]);
}
