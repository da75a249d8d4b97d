// Layer blobs in all the ways that tools of this field compress them: gzip (RFC 1952), zstd (RFC 8878), and zstd:chunked
// (containers/storage pkg/chunked): a frame for each file and for each stretch of metadata between files, then a table of
// contents and a footer in skippable frames, which plain readers pass over.

import { gzipSync } from "node:zlib";
import { compress } from "zstd-napi";

export type Compression = "none" | "gzip" | "gzip-members" | "zstd" | "zstd-frames" | "zstd:chunked";

const LEVEL = { compressionLevel: 3 };

/** The same zlib and zstd make the same bytes; what is inside is the same with any. */
export function compressLayer(tar: Buffer, compression: Compression): Buffer {
  switch (compression) {
    case "none":
      return tar;
    case "gzip":
      return gzip(tar);
    case "gzip-members":
      return Buffer.concat(pieces(tar, 1000).map(gzip));
    case "zstd":
      return compress(tar, LEVEL);
    case "zstd-frames":
      return Buffer.concat(pieces(tar, 1000).map((piece) => compress(piece, LEVEL)));
    case "zstd:chunked":
      return chunked(tar);
  }
}

/** Node writes no time and no name; level 9 is the same in every build of one zlib. */
function gzip(bytes: Buffer): Buffer {
  return gzipSync(bytes, { level: 9 });
}

function pieces(bytes: Buffer, size: number): Buffer[] {
  const count = Math.max(1, Math.ceil(bytes.length / size));
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}

/** What a skippable frame begins with; RFC 8878 3.1.2 leaves the low four bits to the user. */
const SKIPPABLE_MAGIC = 0x184d2a50;
/** "GNUlInUx", the mark at the end of the footer. */
const CHUNKED_MAGIC = 0x78556e496c554e47n;
const FOOTER_SIZE = 64;
const MANIFEST_TYPE_CRFS = 1n;

function skippable(data: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(SKIPPABLE_MAGIC, 0);
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data]);
}

/** The pieces are cut at a fixed size and not at files: only readers that fetch single files would see it. */
function chunked(tar: Buffer): Buffer {
  const frames = pieces(tar, 1536).map((piece) => compress(piece, LEVEL));
  const toc = Buffer.from(JSON.stringify({ version: 1, entries: [] }));
  const manifest = compress(toc, LEVEL);
  const offset = frames.reduce((total, frame) => total + frame.length, 0) + 8;
  const footer = Buffer.alloc(FOOTER_SIZE);
  const numbers = [offset, manifest.length, toc.length].map(BigInt);
  for (const [index, value] of [...numbers, MANIFEST_TYPE_CRFS, 0n, 0n, 0n, CHUNKED_MAGIC].entries()) {
    footer.writeBigUInt64LE(value, index * 8);
  }
  return Buffer.concat([...frames, skippable(manifest), skippable(footer)]);
}
