// The fields of one composefs-dump(5) line: `PATH SIZE MODE NLINK UID GID RDEV MTIME PAYLOAD CONTENT DIGEST [KEY=VALUE …]`.

import type { ByteString } from "../bytes.ts";
import { isVerityDigest, type VerityDigest } from "../digest.ts";
import {
  MAX_FILE_SIZE,
  MAX_INLINE_SIZE,
  MAX_SYMLINK_LENGTH,
  MAX_XATTR_BUDGET,
  MAX_XATTR_NAME_LENGTH,
  MAX_XATTR_VALUE_LENGTH,
  XATTR_HEADER_SIZE,
} from "../erofs/layout.ts";
import {
  type Directory,
  type Leaf,
  type Metadata,
  NO_XATTRS,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  type Xattrs,
} from "../node.ts";

/** What is wrong with a line, without its number. */
export class DumpFault extends Error {}

export function fail(message: string): never {
  throw new DumpFault(message);
}

const FIXED_FIELDS = 11;
/** CONTENT and DIGEST may be missing at the end of a line, as upstream's own test data has it. */
const REQUIRED_FIELDS = 9;
const MAX_XATTR_TEXT = 65535;

/** @throws DumpFault for a line that ends before its PAYLOAD. */
export function splitFields(line: string): string[] {
  if (line.includes("\0")) fail("a NUL byte");
  const fields = line.split(" ");
  if (fields.at(-1) === "") fields.pop();
  if (fields.length < REQUIRED_FIELDS) fail(`${fields.length} fields instead of ${FIXED_FIELDS} or more`);
  return fields;
}

const escapes: Readonly<Record<string, string>> = { "\\": "\\", n: "\n", r: "\r", t: "\t" };

/** @param options `cut`: what a C string would end with, an escaped NUL, ends the text. */
export function unescapeBytes(text: string, options: { cut: boolean }): ByteString {
  if (!text.includes("\\")) return text as ByteString;
  const bytes = text.replace(/\\(x[0-9a-fA-F]{2}|[^x]|x|$)/g, (sequence, code: string) => {
    const short = escapes[code];
    if (short !== undefined) return short;
    if (code.length !== 3) fail(`unknown escape "${sequence}"`);
    return String.fromCharCode(Number.parseInt(code.slice(1), 16));
  });
  const end = options.cut ? bytes.indexOf("\0") : -1;
  return (end < 0 ? bytes : bytes.slice(0, end)) as ByteString;
}

function optional(text: string | undefined, options: { cut: boolean }): ByteString | undefined {
  return text === undefined || text === "-" ? undefined : unescapeBytes(text, options);
}

/** The target of a hard-link line (its MODE begins with `@`), whose other fields mean nothing. */
export function parseLinkTarget(fields: readonly string[]): ByteString | undefined {
  const mode = fields[2] ?? "";
  if (!mode.startsWith("@")) return undefined;
  const type = parseMode(mode.slice(1)) & S_IFMT;
  if (type === S_IFDIR) fail("a directory cannot be a hard link");
  const target = optional(fields[8], { cut: true });
  if (target === undefined || target === "") fail("a hard link without a target");
  return target;
}

/** @throws DumpFault */
export function parseNode(fields: readonly string[]): Directory | Leaf {
  const [, sizeText = "", modeText = "", nlinkText = "", uidText = "", gidText = "", rdevText = "", mtimeText = ""] =
    fields;
  const size = parseUnsigned("size", sizeText);
  const mode = parseMode(modeText);
  const nlink = parseUnsigned32("nlink", nlinkText);
  const uid = parseUnsigned32("uid", uidText);
  const gid = parseUnsigned32("gid", gidText);
  const rdev = parseUnsigned32("rdev", rdevText);
  const metadata: Metadata = { mode, uid, gid, ...parseTime(mtimeText), xattrs: parseXattrs(fields) };
  const payload = optional(fields[8], { cut: true });
  const content = optional(fields[9], { cut: false });
  const digest = parseDigest(fields[10] ?? "-");
  if (payload !== undefined && payload.length > MAX_SYMLINK_LENGTH) fail(`payload of ${payload.length} bytes`);
  if (content !== undefined && BigInt(content.length) !== size) {
    fail(`content of ${content.length} bytes where the size is ${size}`);
  }
  if (content !== undefined && content.length > MAX_INLINE_SIZE) {
    fail(`content of ${content.length} bytes, more than ${MAX_INLINE_SIZE}`);
  }
  // Only kept where it matters: it makes the inode extended.
  const declared = size > 0xffffffffn ? { declaredSize: Number(size) } : {};
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return { kind: "directory", ...metadata, children: new Map() };
    case S_IFREG:
      if (size > BigInt(MAX_FILE_SIZE)) fail(`size ${size} is more than 2^53`);
      return {
        kind: "regular",
        ...metadata,
        nlink,
        size: Number(size),
        content: content === "" ? undefined : content,
        payload: payload === "" ? undefined : payload,
        digest,
      };
    case S_IFLNK:
      if (payload === undefined || payload === "") fail("a symlink without a target");
      return { kind: "symlink", ...metadata, nlink, target: payload };
    case S_IFCHR:
      return { kind: "character", ...metadata, nlink, rdev, ...declared };
    case S_IFBLK:
      return { kind: "block", ...metadata, nlink, rdev, ...declared };
    case S_IFIFO:
      return { kind: "fifo", ...metadata, nlink, ...declared };
    default:
      return { kind: "socket", ...metadata, nlink, ...declared };
  }
}

const fileTypes: readonly number[] = [S_IFDIR, S_IFREG, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK];

function parseMode(text: string): number {
  if (!/^[0-7]{1,12}$/.test(text)) fail(`mode "${text.slice(0, 20)}" is not octal`);
  const mode = Number.parseInt(text, 8);
  if (!fileTypes.includes(mode & S_IFMT)) fail(`mode ${text} has no valid file type`);
  return mode & 0xffff;
}

/** As strtoull: a sign is allowed, negative numbers wrap, too large ones are the largest. */
function parseUnsigned(what: string, text: string): bigint {
  if (!/^[+-]?[0-9]{1,40}$/.test(text)) fail(`${what} "${text.slice(0, 20)}" is not a number`);
  const value = BigInt(text.startsWith("+") ? text.slice(1) : text);
  const most = 2n ** 64n - 1n;
  return value > most || value < -most ? most : BigInt.asUintN(64, value);
}

function parseUnsigned32(what: string, text: string): number {
  // The short way for nearly all of them.
  if (text.length <= 9 && /^[0-9]+$/.test(text)) return Number(text);
  return Number(BigInt.asUintN(32, parseUnsigned(what, text)));
}

function parseTime(text: string): { mtimeSec: bigint; mtimeNsec: number } {
  const dot = text.indexOf(".");
  if (dot < 0) fail(`mtime "${text.slice(0, 20)}" is not SEC.NSEC`);
  const seconds = text.slice(0, dot);
  if (!/^[+-]?[0-9]{1,40}$/.test(seconds)) fail(`mtime "${text.slice(0, 40)}" is not SEC.NSEC`);
  const value = BigInt(seconds.startsWith("+") ? seconds.slice(1) : seconds);
  const limit = 2n ** 63n;
  const mtimeSec = value >= limit ? limit - 1n : value < -limit ? -limit : value;
  return { mtimeSec, mtimeNsec: parseUnsigned32("mtime's nanoseconds", text.slice(dot + 1)) };
}

function parseDigest(text: string): VerityDigest | undefined {
  if (text === "-") return undefined;
  const hex = text.toLowerCase();
  if (!isVerityDigest(hex)) fail(`digest "${text.slice(0, 20)}…" is not 64 hex characters`);
  return hex;
}

function parseXattrs(fields: readonly string[]): Xattrs {
  if (fields.length <= FIXED_FIELDS) return NO_XATTRS;
  const xattrs = new Map<ByteString, ByteString>();
  let text = 0;
  let budget = XATTR_HEADER_SIZE;
  for (let index = FIXED_FIELDS; index < fields.length; index++) {
    const field = fields[index] ?? "";
    text += field.length + 1;
    if (text > MAX_XATTR_TEXT) fail(`xattrs of more than ${MAX_XATTR_TEXT} characters`);
    const equals = field.indexOf("=");
    if (equals < 0) fail(`xattr "${field.slice(0, 40)}" without a value`);
    const name = unescapeBytes(field.slice(0, equals), { cut: true });
    const value = unescapeBytes(field.slice(equals + 1), { cut: false });
    if (name === "" || name.length > MAX_XATTR_NAME_LENGTH) fail(`xattr name of ${name.length} bytes`);
    if (value.length > MAX_XATTR_VALUE_LENGTH) fail(`xattr value of ${value.length} bytes`);
    budget += 7 + name.length + value.length;
    if (budget > MAX_XATTR_BUDGET) fail(`xattrs take more than the ${MAX_XATTR_BUDGET} bytes of an inode`);
    xattrs.set(name, value);
  }
  return xattrs;
}
