// Splitstream files: both header orders, chunk framing, and files that nobody should trust.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Oci2cfsError } from "../../src/errors.ts";
import type { HashAlgorithm, VerityDigest } from "../../src/format/digest.ts";
import {
  ChunkReader,
  ChunkWriter,
  decodeNamedRefs,
  decodeSplitstream,
  encodeNamedRefs,
  encodeSplitstream,
} from "../../src/format/splitstream.ts";
import { readStream, readStreamInfo, StreamWriter } from "../../src/store/streams.ts";

const digest = (algorithm: HashAlgorithm, seed: number): VerityDigest =>
  seed
    .toString(16)
    .padStart(2, "0")
    .repeat(algorithm === "sha256" ? 32 : 64) as VerityDigest;

type Piece = { inline: Buffer } | { external: number };

const piece: fc.Arbitrary<Piece> = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => ({ inline: Buffer.from(bytes) })),
  fc.nat(9).map((external) => ({ external })),
);

function writeAll(pieces: readonly Piece[], algorithm: HashAlgorithm): Buffer {
  const writer = new StreamWriter({ algorithm, contentType: "ocilayer" });
  for (const item of pieces) {
    if ("inline" in item) writer.inline(item.inline);
    else writer.external(digest(algorithm, item.external), 1000 + item.external);
  }
  writer.named("config:x", digest(algorithm, 77));
  writer.named("sparse:512", digest(algorithm, 78));
  writer.named("again", digest(algorithm, 77));
  return Buffer.concat(writer.finish());
}

/** Inline bytes joined, references as they stand. */
function readAll(file: Buffer): (string | Buffer)[] {
  const seen: (string | Buffer)[] = [];
  readStream(file, {
    begin: () => undefined,
    inline: (buffer, start, end) => {
      const last = seen.at(-1);
      const bytes = Buffer.from(buffer.subarray(start, end));
      if (Buffer.isBuffer(last)) seen[seen.length - 1] = Buffer.concat([last, bytes]);
      else seen.push(bytes);
    },
    external: (reference) => seen.push(reference),
  });
  return seen;
}

function joined(pieces: readonly Piece[], algorithm: HashAlgorithm): (string | Buffer)[] {
  const result: (string | Buffer)[] = [];
  for (const item of pieces) {
    const last = result.at(-1);
    if ("external" in item) result.push(digest(algorithm, item.external));
    else if (Buffer.isBuffer(last)) result[result.length - 1] = Buffer.concat([last, item.inline]);
    else result.push(item.inline);
  }
  return result;
}

/** The header of bootc up to 1.15: the info range first, then flags, magic, version, hash and block size. */
function withOldHeader(file: Buffer): Buffer {
  const old = Buffer.from(file);
  file.copy(old, 0, 16, 32);
  old.writeUInt16LE(0, 16);
  old.write("SplitStream", 18, "latin1");
  old[29] = 0;
  old[30] = file[14] ?? 0;
  old[31] = file[15] ?? 0;
  return old;
}

describe.each(["sha256", "sha512"] as const)("a splitstream, %s", (algorithm) => {
  it("gives back what was written, with either header", () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const file = writeAll(pieces, algorithm);
        for (const form of [file, withOldHeader(file)]) {
          expect(readAll(form)).toEqual(joined(pieces, algorithm));
          const info = readStreamInfo(form);
          expect(info).toMatchObject({ contentType: "ocilayer", algorithm });
          expect(info.namedRefs).toEqual(
            new Map([
              ["again", digest(algorithm, 77)],
              ["config:x", digest(algorithm, 77)],
              ["sparse:512", digest(algorithm, 78)],
            ]),
          );
        }
      }),
      { numRuns: 60 },
    );
  });

  it("counts the bytes of the file it stands for, and each object once", () => {
    const file = writeAll(
      [{ external: 3 }, { inline: Buffer.from("abc") }, { external: 3 }, { external: 4 }],
      algorithm,
    );
    const info = readStreamInfo(file);
    expect(info.streamSize).toBe(1003 + 3 + 1003 + 1004);
    expect(info.objectRefs).toEqual([digest(algorithm, 3), digest(algorithm, 4)]);
  });
});

describe("the file", () => {
  it("has the layout of composefs-rs", () => {
    const pieces = encodeSplitstream({
      contentType: "ocilayer",
      algorithm: "sha256",
      streamRefs: [digest("sha256", 1)],
      objectRefs: [digest("sha256", 2), digest("sha256", 3)],
      namedRefs: Buffer.from("names"),
      stream: [Buffer.from("str"), Buffer.from("eam")],
      streamSize: 7,
    });
    const file = Buffer.concat(pieces);
    expect(file.toString("latin1", 0, 16)).toBe("SplitStream\0\0\0\x01\x0c");
    const numbers = Array.from({ length: 12 }, (_, index) => Number(file.readBigUInt64LE(16 + 8 * index)));
    expect(numbers).toEqual([32, 112, 112, 144, 144, 208, 213, 219, 208, 213, Number(file.readBigUInt64LE(96)), 7]);
    expect(file.toString("latin1", 96, 104)).toBe("ocilayer");
    expect(file.toString("latin1", 208)).toBe("namesstream");
  });

  it("may have a longer info section, of which the rest is ignored", () => {
    const file = writeAll([{ inline: Buffer.from("abc") }], "sha256");
    const longer = Buffer.concat([file, file.subarray(32, 112), Buffer.alloc(48, 9)]);
    longer.writeBigUInt64LE(BigInt(file.length), 16);
    longer.writeBigUInt64LE(BigInt(file.length + 128), 24);
    expect(readAll(longer)).toEqual([Buffer.from("abc")]);
  });

  it("may have the info section anywhere", () => {
    const file = writeAll([{ inline: Buffer.from("abc") }], "sha256");
    const moved = Buffer.concat([file, file.subarray(32, 112)]);
    moved.fill(0xff, 32, 112);
    moved.writeBigUInt64LE(BigInt(file.length), 16);
    moved.writeBigUInt64LE(BigInt(moved.length), 24);
    expect(readAll(moved)).toEqual([Buffer.from("abc")]);
  });

  it.each([
    ["no magic", [[0, 0n]], /magic/],
    ["a short info section", [[24, 111n]], /79 bytes/],
    ["a range that ends before it begins", [[64, 999n]], /range/],
    ["a range behind the end", [[72, 1n << 60n]], /range/],
    ["a range of 2^64 bytes", [[72, 0xffff_ffff_ffff_ffffn]], /range/],
    ["half a digest", [[40, 128n]], /digests/],
    ["a size beyond 2^53", [[104, 1n << 53n]], /too large/],
  ] as const)("with %s is refused", (_, numbers, message) => {
    const file = writeAll([{ external: 1 }], "sha256");
    for (const [offset, value] of numbers) file.writeBigUInt64LE(value, offset);
    expect(() => decodeSplitstream(file)).toThrow(
      expect.objectContaining({ code: "bad-format", message: expect.stringMatching(message) }),
    );
  });

  it.each([
    ["version", 11, 1],
    ["flags", 12, 1],
    ["hash", 14, 3],
    ["block size", 15, 16],
  ])("of an unknown %s is refused by name", (_, offset, value) => {
    const file = writeAll([], "sha256");
    file[offset] = value;
    expect(() => decodeSplitstream(file)).toThrow(expect.objectContaining({ code: "unsupported" }));
  });
});

describe("named references", () => {
  it("come back", () => {
    const refs = [digest("sha256", 1), digest("sha256", 2)];
    const names = new Map([
      ["b:x", 1],
      ["a", 0],
      ["ü", 1],
    ]);
    expect(encodeNamedRefs(names).toString("utf8")).toBe("0:a\x001:b:x\x001:ü\0");
    expect(decodeNamedRefs(encodeNamedRefs(names), refs).get("ü")).toBe(refs[1]);
  });

  it.each(["0:a", "2:a\0", "x:a\0", "a\0", "-1:a\0", ":a\0", "\0", "1e0:a\0", "9999999999:a\0"])(
    "refuse %j",
    (text) => {
      expect(() => decodeNamedRefs(Buffer.from(text), [digest("sha256", 1)])).toThrow(/splitstream/);
    },
  );
});

describe("chunks", () => {
  const collect = (write: (writer: ChunkWriter) => void): Buffer[] => {
    const chunks: Buffer[] = [];
    const writer = new ChunkWriter((bytes) => chunks.push(Buffer.from(bytes)));
    write(writer);
    writer.finish();
    return chunks;
  };

  const read = (stream: Buffer): number => {
    let seen = 0;
    const reader = new ChunkReader({ inline: (_, start, end) => (seen += end - start), external: () => seen++ });
    reader.push(stream);
    reader.finish();
    return seen;
  };

  it("are negative lengths with their bytes, and numbers of objects", () => {
    const chunks = collect((writer) => {
      writer.inline(Buffer.from("xabx"), 1, 3);
      writer.inline(Buffer.from("c"), 0, 1);
      for (const seed of [7, 8, 7]) writer.external(digest("sha256", seed), 100);
      writer.inline(Buffer.alloc(0), 0, 0);
      writer.inline(Buffer.from("d"), 0, 1);
    });
    expect(chunks.map((chunk) => chunk.toString("hex"))).toEqual([
      "fdffffffffffffff616263",
      "0000000000000000",
      "0100000000000000",
      "0000000000000000",
      "ffffffffffffffff64",
    ]);
  });

  it("hold a mebibyte of inline bytes at most, so that memory is bounded", () => {
    const chunks = collect((writer) => {
      for (let round = 0; round < 3; round++) writer.inline(Buffer.alloc(700_000), 0, 700_000);
    });
    expect(chunks.map((chunk) => chunk.length - 8)).toEqual([2 ** 20, 2 ** 20, 2_100_000 - 2 ** 21]);
  });

  it("may end between chunks only", () => {
    const stream = Buffer.concat(
      collect((writer) => {
        writer.inline(Buffer.from("abc"), 0, 3);
        writer.external(digest("sha256", 1), 9);
      }),
    );
    for (let length = 0; length <= stream.length; length++) {
      if ([0, 11, 19].includes(length)) read(stream.subarray(0, length));
      else expect(() => read(stream.subarray(0, length))).toThrow(expect.objectContaining({ code: "bad-format" }));
    }
  });

  it.each([-(2n ** 63n), -(2n ** 53n), 2n ** 63n - 1n, 2n ** 53n])("with the number %i are refused", (value) => {
    const stream = Buffer.alloc(8);
    stream.writeBigInt64LE(value);
    expect(() => read(stream)).toThrow(expect.objectContaining({ code: "bad-format" }));
  });

  it("are read in any pieces, and long inline data is cut into several", () => {
    const chunks: Buffer[] = [];
    const writer = new ChunkWriter((bytes) => chunks.push(Buffer.from(bytes)));
    const long = Buffer.alloc(2_500_000, "long");
    writer.inline(long, 0, long.length);
    writer.external(digest("sha256", 5), 10);
    writer.inline(Buffer.from("end"), 0, 3);
    expect(writer.finish()).toEqual({ objectRefs: [digest("sha256", 5)], streamSize: 2_500_013 });
    const stream = Buffer.concat(chunks);
    for (const step of [7, 4096, stream.length]) {
      let inline = 0;
      const externals: number[] = [];
      const reader = new ChunkReader({
        inline: (_, start, end) => (inline += end - start),
        external: (index) => externals.push(index),
      });
      for (let at = 0; at < stream.length; at += step) reader.push(stream.subarray(at, at + step));
      reader.finish();
      expect({ inline, externals }).toEqual({ inline: 2_500_003, externals: [0] });
    }
  });
});

describe("a hostile splitstream", () => {
  const file = writeAll(
    [{ inline: Buffer.from("header") }, { external: 1 }, { inline: Buffer.alloc(500, "x") }],
    "sha256",
  );

  const attempt = (bytes: Buffer): void => {
    try {
      readAll(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(Oci2cfsError);
    }
  };

  it.each([
    ["the", file],
    ["the old", withOldHeader(file)],
  ])("cut at every byte is refused, with %s header", (_, whole) => {
    for (let at = 0; at < whole.length; at++) {
      expect(() => readAll(whole.subarray(0, at))).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/bad-format|unsupported/) }),
      );
    }
  });

  it("with any bit flipped is refused or read", () => {
    for (let bit = 0; bit < 8 * file.length; bit++) {
      const bytes = Buffer.from(file);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      attempt(bytes);
    }
  });

  it("with any bytes changed", () => {
    const change = fc.tuple(fc.nat(file.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = Buffer.from(file);
        for (const [at, byte] of changes) bytes[at] = byte;
        attempt(bytes);
      }),
      { numRuns: 1000 },
    );
  });
});
