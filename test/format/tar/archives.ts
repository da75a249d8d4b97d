// Archives for tests, as bytes: arbitrary ones with what each entry must be read as, and sparse files in all four formats.

import fc from "fast-check";
import { gnuLong, type HeaderFields, header, padded, paxHeader, seal, tar } from "../../../oci-fixtures/tar-builder.ts";
import type { SparseSegment, TarEntryType } from "../../../src/format/tar/entry.ts";

export interface Expected {
  readonly type: TarEntryType;
  readonly name: string;
  readonly linkname: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSec: bigint;
  readonly mtimeNsec: number;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly size: number;
  readonly xattrs: ReadonlyMap<string, string>;
  readonly schilyXattrs: ReadonlyMap<string, string>;
}

export interface ArchivedEntry {
  readonly bytes: Buffer;
  readonly expected: Expected;
  readonly content: Buffer;
}

const typeBytes: Readonly<Record<TarEntryType, string>> = {
  regular: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};

const byte = fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code));
const name = fc.string({ unit: byte, minLength: 1, maxLength: 300 });
const number32 = fc.oneof(fc.nat(2 ** 21 - 1), fc.integer({ min: 0, max: 0xffffffff }));

/** An entry in one of the three ways to write what does not fit into a ustar header. */
export const archivedEntry: fc.Arbitrary<ArchivedEntry> = fc
  .record({
    way: fc.constantFrom("plain" as const, "pax" as const, "gnu" as const),
    type: fc.constantFrom(...(Object.keys(typeBytes) as TarEntryType[])),
    name,
    linkname: name,
    mode: fc.nat(0o7777),
    uid: number32,
    gid: number32,
    seconds: fc.integer({ min: -(2 ** 33), max: 2 ** 40 }),
    nanoseconds: fc.nat(999_999_999),
    device: fc.tuple(number32, number32),
    content: fc.uint8Array({ maxLength: 3000 }),
    xattrs: fc.array(fc.tuple(name, fc.string({ unit: byte, maxLength: 100 })), { maxLength: 3 }),
  })
  .map(({ way, type, device: [devMajor, devMinor], seconds, nanoseconds, ...drawn }) => {
    const isPax = way === "pax";
    const shorten = (text: string): string => (way === "plain" ? text.slice(0, 100) : text);
    const content = type === "regular" ? Buffer.from(drawn.content) : Buffer.alloc(0);
    const linkname = type === "hardlink" || type === "symlink" ? shorten(drawn.linkname) : "";
    const mtimeNsec = isPax && seconds >= 0 ? nanoseconds : 0;
    const xattrs = new Map(isPax ? drawn.xattrs.map(([key, value]) => [key.replaceAll("=", "-"), value]) : []);
    const isDevice = type === "character" || type === "block";
    const expected: Expected = {
      type,
      name: shorten(drawn.name),
      linkname,
      mode: drawn.mode,
      uid: drawn.uid,
      gid: drawn.gid,
      mtimeSec: BigInt(seconds),
      mtimeNsec,
      devMajor: isDevice ? devMajor : 0,
      devMinor: isDevice ? devMinor : 0,
      size: content.length,
      xattrs,
      // Without records of bsdtar's own these are all.
      schilyXattrs: xattrs,
    };
    const fields: HeaderFields = {
      name: expected.name.slice(0, 100),
      linkname: linkname.slice(0, 100),
      type: typeBytes[type],
      mode: expected.mode,
      uid: isPax ? 0 : expected.uid,
      gid: isPax ? 0 : expected.gid,
      size: content.length,
      mtime: isPax ? 1 : seconds,
      devMajor: expected.devMajor,
      devMinor: expected.devMinor,
      format: way === "gnu" ? "gnu" : "ustar",
    };
    const bytes = Buffer.concat([
      ...(isPax ? [paxHeader([...paxRecords(expected), ...xattrRecords(xattrs)])] : []),
      ...(way === "gnu" ? [gnuLong("K", linkname === "" ? "unused" : linkname), gnuLong("L", expected.name)] : []),
      header(fields),
      padded(content),
    ]);
    // A GNU link name counts for entries that are no links as well.
    return {
      bytes,
      content,
      expected: way === "gnu" && linkname === "" ? { ...expected, linkname: "unused" } : expected,
    };
  });

function paxRecords(expected: Expected): [string, string][] {
  const fraction = expected.mtimeNsec === 0 ? "" : `.${String(expected.mtimeNsec).padStart(9, "0")}`;
  return [
    ["path", expected.name],
    ["linkpath", expected.linkname],
    ["uid", `${expected.uid}`],
    ["gid", `${expected.gid}`],
    ["size", `${expected.size}`],
    ["mtime", `${expected.mtimeSec}${fraction}`],
  ];
}

function xattrRecords(xattrs: ReadonlyMap<string, string>): [string, string][] {
  return [...xattrs].map(([key, value]) => [`SCHILY.xattr.${key}`, value]);
}

export const sparseFormats = ["old GNU", "0.0", "0.1", "1.0"] as const;
export type SparseFormat = (typeof sparseFormats)[number];

export interface SparseFile {
  readonly segments: readonly SparseSegment[];
  readonly realSize: number;
  readonly stored: Buffer;
}

/** One sparse file. What it claims may be wrong: nothing is checked. */
export function sparseEntry(path: string, format: SparseFormat, file: SparseFile): Buffer {
  return format === "old GNU" ? oldSparseEntry(path, file) : paxSparseEntry(path, format, file);
}

function paxSparseEntry(
  path: string,
  format: "0.0" | "0.1" | "1.0",
  { segments, realSize, stored }: SparseFile,
): Buffer {
  const numbers = segments.flatMap(({ offset, length }) => [offset, length]);
  const records: Record<typeof format, [string, string][]> = {
    "0.0": [
      ["GNU.sparse.size", `${realSize}`],
      ["GNU.sparse.numblocks", `${segments.length}`],
      ...segments.flatMap(({ offset, length }): [string, string][] => [
        ["GNU.sparse.offset", `${offset}`],
        ["GNU.sparse.numbytes", `${length}`],
      ]),
    ],
    "0.1": [
      ["GNU.sparse.size", `${realSize}`],
      ["GNU.sparse.numblocks", `${segments.length}`],
      ["GNU.sparse.name", path],
      ["GNU.sparse.map", numbers.join(",")],
    ],
    "1.0": [
      ["GNU.sparse.major", "1"],
      ["GNU.sparse.minor", "0"],
      ["GNU.sparse.name", path],
      ["GNU.sparse.realsize", `${realSize}`],
    ],
  };
  const text = Buffer.from([segments.length, ...numbers].map((number) => `${number}\n`).join(""), "latin1");
  const map = format === "1.0" ? padded(text) : Buffer.alloc(0);
  return Buffer.concat([
    paxHeader(records[format]),
    header({ name: format === "0.0" ? path : "GNUSparseFile.0/x", type: "0", size: map.length + stored.length }),
    map,
    padded(stored),
  ]);
}

function oldSparseEntry(path: string, { segments, realSize, stored }: SparseFile): Buffer {
  const octal = (value: number): string => `${value.toString(8).padStart(11, "0")}\0`;
  const block = header({ name: path, type: "S", size: stored.length, format: "gnu" });
  const writeRuns = (target: Buffer, at: number, part: readonly SparseSegment[]): void => {
    for (const [index, { offset, length }] of part.entries()) {
      target.write(octal(offset) + octal(length), at + 24 * index, "latin1");
    }
  };
  writeRuns(block, 386, segments.slice(0, 4));
  block[482] = segments.length > 4 ? 1 : 0;
  block.write(octal(realSize), 483, "latin1");
  const blocks = [seal(block)];
  for (let start = 4; start < segments.length; start += 21) {
    const extension = Buffer.alloc(512);
    writeRuns(extension, 0, segments.slice(start, start + 21));
    extension[504] = segments.length > start + 21 ? 1 : 0;
    blocks.push(extension);
  }
  return Buffer.concat([...blocks, padded(stored)]);
}

/** A small archive of each format, with everything in front of content that the reader knows. */
export function smallArchives(): Readonly<Record<string, Buffer>> {
  const content = Buffer.from("0123456789");
  const sparse: SparseFile = {
    segments: [
      { offset: 512, length: 6 },
      { offset: 2048, length: 4 },
    ],
    realSize: 4096,
    stored: content,
  };
  const many: SparseFile = {
    segments: Array.from({ length: 30 }, (_, index) => ({ offset: index * 10, length: 1 })),
    realSize: 300,
    stored: Buffer.alloc(30, "x"),
  };
  const v7 = header({ name: "dir/", type: "\0" });
  v7.fill(0, 257);
  return {
    v7: tar(seal(v7)),
    ustar: tar(header({ name: "n".repeat(100), prefix: "p", type: "0", size: 10 }), padded(content)),
    gnu: tar(
      gnuLong("L", "n".repeat(150)),
      gnuLong("K", "l".repeat(150)),
      header({ name: "n", type: "2", format: "gnu" }),
    ),
    pax: tar(
      paxHeader({ path: "n\xff", mtime: "1.5", "SCHILY.xattr.user.a": "\0\xff", "LIBARCHIVE.xattr.user.b": "YWI=" }),
      header({ name: "n", type: "0", size: 10 }),
      padded(content),
    ),
    global: tar(
      header({ name: "g", type: "g", size: 10 }),
      padded(Buffer.from("10 a=bcde\n")),
      header({ name: "n", type: "6" }),
    ),
    devices: tar(header({ name: "c", type: "3", devMajor: 1, devMinor: 3, uid: 2 ** 24, mtime: -1 })),
    dumpdir: tar(header({ name: "d/", type: "D", size: 10, format: "gnu" }), padded(content)),
    "old GNU sparse": tar(sparseEntry("s", "old GNU", many)),
    "sparse 0.0": tar(sparseEntry("s", "0.0", sparse)),
    "sparse 0.1": tar(sparseEntry("s", "0.1", sparse)),
    "sparse 1.0": tar(sparseEntry("s", "1.0", sparse)),
  };
}
