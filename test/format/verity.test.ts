// fs-verity digests against fsverity 1.6 (test/vectors/fsverity.tsv) and against a second, slow implementation.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type HashAlgorithm, hashes } from "../../src/format/digest.ts";
import { VerityHasher, verityDigest } from "../../src/format/verity.ts";

const BLOCK = 4096;
const algorithms: readonly HashAlgorithm[] = ["sha256", "sha512"];

interface Row {
  content: string;
  size: number;
  algorithm: HashAlgorithm;
  digest: string;
}

const rows: Row[] = readFileSync(path.join(import.meta.dirname, "../vectors/fsverity.tsv"), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((line) => {
    const [content = "", size = "", algorithm = "", digest = ""] = line.split("\t");
    return { content, size: Number(size), algorithm: algorithm as HashAlgorithm, digest };
  });

/** 251 blocks of `i % 251`: repeating it continues the pattern. */
const pattern = Buffer.from(Uint8Array.from({ length: 251 * BLOCK }, (_, index) => index % 251));
const zeros = Buffer.alloc(251 * BLOCK);

const hash = (algorithm: HashAlgorithm, data: Buffer): Buffer => createHash(algorithm).update(data).digest();

/** The descriptor's hash, written from the kernel's structure and not from the implementation. */
function sealed(algorithm: HashAlgorithm, size: bigint, root: Buffer): string {
  const descriptor = Buffer.alloc(256);
  descriptor.set([1, algorithm === "sha256" ? 1 : 2, 12, 0]);
  descriptor.writeBigUInt64LE(size, 8);
  root.copy(descriptor, 16);
  return hash(algorithm, descriptor).toString("hex");
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)]);
}

/** The definition word for word: hash all blocks, then the blocks of hashes, until one hash is left. */
function slowDigest(data: Buffer, algorithm: HashAlgorithm): string {
  let level = data;
  let root = Buffer.alloc(hashes[algorithm].size);
  while (level.length > 0) {
    const blocks = padded(level);
    const digests: Buffer[] = [];
    for (let at = 0; at < blocks.length; at += BLOCK) digests.push(hash(algorithm, blocks.subarray(at, at + BLOCK)));
    if (digests.length === 1) {
      root = Buffer.from(digests[0] ?? root);
      break;
    }
    level = Buffer.concat(digests);
  }
  return sealed(algorithm, BigInt(data.length), root);
}

/** The digest of nothing but zeros: on each level all hashes are equal, except that the last parent may be partial. */
function slowZeros(size: bigint, algorithm: HashAlgorithm): string {
  const perBlock = BigInt(BLOCK / hashes[algorithm].size);
  let count = (size + BigInt(BLOCK) - 1n) / BigInt(BLOCK);
  let usual = hash(algorithm, Buffer.alloc(BLOCK));
  let last = size === 0n ? Buffer.alloc(hashes[algorithm].size) : usual;
  while (count > 1n) {
    const parents = (count + perBlock - 1n) / perBlock;
    const inLast = Number(count - (parents - 1n) * perBlock);
    const ending = [...Array.from({ length: inLast - 1 }, () => usual), last];
    last = hash(algorithm, padded(Buffer.concat(ending)));
    usual = hash(algorithm, Buffer.concat(Array.from({ length: Number(perBlock) }, () => usual)));
    count = parents;
  }
  return sealed(algorithm, size, last);
}

function streamed({ content, size, algorithm }: Row, pieceSize: number): string {
  const source = content === "zero" ? zeros : pattern;
  const hasher = new VerityHasher(algorithm);
  for (let at = 0; at < size; ) {
    const start = at % source.length;
    const end = Math.min(start + pieceSize, source.length, start + size - at);
    hasher.update(source, start, end);
    at += end - start;
  }
  return hasher.digest();
}

describe("the digests that fsverity prints", () => {
  it("has all rows", () => {
    expect(rows).toHaveLength(86);
    expect(new Set(rows.map((row) => row.content))).toEqual(new Set(["mod251", "zero"]));
  });

  it.each(rows)("$content $size $algorithm", (row) => {
    expect(streamed(row, pattern.length)).toBe(row.digest);
    if (row.size <= 2 ** 20 + 1) {
      expect(streamed(row, 5000)).toBe(row.digest);
      const whole = row.content === "zero" ? Buffer.alloc(row.size) : Buffer.concat([pattern, pattern]);
      expect(verityDigest(whole.subarray(0, row.size), row.algorithm)).toBe(row.digest);
    }
    if (row.content === "zero") {
      const hasher = new VerityHasher(row.algorithm);
      hasher.updateZeros(row.size);
      expect(hasher.digest()).toBe(row.digest);
    }
  });

  it("is that of the kernel for an empty file, and not libcomposefs' own", () => {
    expect(verityDigest(Buffer.alloc(0), "sha256")).toBe(
      "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95",
    );
    const hasher = new VerityHasher("sha256");
    hasher.update(pattern, 7, 7);
    hasher.updateZeros(0);
    expect(hasher.digest()).toBe("3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95");
  });
});

describe("VerityHasher", () => {
  const piece = fc.record({
    zeros: fc.boolean(),
    size: fc.oneof(
      fc.nat(20),
      fc.nat(3 * BLOCK),
      fc.constantFrom(BLOCK - 1, BLOCK, BLOCK + 1, 128 * BLOCK, 131 * BLOCK),
    ),
    start: fc.nat(300),
  });

  it("gives the digest of the whole for any way to cut it, zeros counted or written", () => {
    fc.assert(
      fc.property(fc.constantFrom(...algorithms), fc.array(piece, { maxLength: 8 }), (algorithm, pieces) => {
        const hasher = new VerityHasher(algorithm);
        const content: Buffer[] = [];
        for (const { zeros: isZeros, size, start } of pieces) {
          content.push(isZeros ? zeros.subarray(0, size) : pattern.subarray(start, start + size));
          if (isZeros) hasher.updateZeros(size);
          else hasher.update(pattern, start, start + size);
        }
        const whole = Buffer.concat(content);
        const expected = slowDigest(whole, algorithm);
        expect(hasher.digest()).toBe(expected);
        expect(verityDigest(whole, algorithm)).toBe(expected);
      }),
      { numRuns: 60 },
    );
  });

  it("begins anew after each digest", () => {
    const sizes = [300_000, 10, 0, 4096, 70_000, 0, 600_000, 4097];
    for (const algorithm of algorithms) {
      const hasher = new VerityHasher(algorithm);
      for (const size of sizes) {
        hasher.update(pattern, 0, size);
        expect(hasher.digest(), `${size}`).toBe(slowDigest(pattern.subarray(0, size), algorithm));
      }
    }
  });

  it("keeps no view of the caller's buffer", () => {
    const buffer = Buffer.from(pattern.subarray(0, 3 * BLOCK + 10));
    const expected = slowDigest(buffer, "sha256");
    const hasher = new VerityHasher("sha256");
    hasher.update(buffer);
    buffer.fill(0xff);
    expect(hasher.digest()).toBe(expected);
  });

  it("does not mix contents that are hashed in turn", () => {
    const first = new VerityHasher("sha256");
    first.update(pattern, 0, 5000);
    verityDigest(pattern.subarray(0, 100), "sha256");
    const second = new VerityHasher("sha512");
    second.update(pattern, 0, 9000);
    verityDigest(pattern.subarray(0, 100_000), "sha256");
    verityDigest(pattern.subarray(0, 300_000), "sha512");
    expect(first.digest()).toBe(slowDigest(pattern.subarray(0, 5000), "sha256"));
    expect(second.digest()).toBe(slowDigest(pattern.subarray(0, 9000), "sha512"));
  });

  it.each(algorithms)("counts the zeros of the largest sparse files, %s", (algorithm) => {
    const sizes = [
      2n ** 53n,
      2n ** 53n - 1n,
      2n ** 43n + 4097n,
      2n ** 31n,
      128n * 128n * 4096n + 1n,
      64n * 64n * 4096n,
    ];
    for (const size of sizes) {
      const hasher = new VerityHasher(algorithm);
      hasher.updateZeros(Number(size));
      expect(hasher.digest(), `${size}`).toBe(slowZeros(size, algorithm));
    }
  });

  it("gives the same for a hole in any two parts", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...algorithms),
        fc.maxSafeNat(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (algorithm, size, cut) => {
          const first = Math.floor(size * cut);
          const hasher = new VerityHasher(algorithm);
          hasher.updateZeros(first);
          hasher.updateZeros(size - first);
          expect(hasher.digest()).toBe(slowZeros(BigInt(size), algorithm));
        },
      ),
      { numRuns: 100 },
    );
  });
});
