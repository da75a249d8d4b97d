import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as zstd from "zstd-napi";
import { createDecompressor } from "../../src/ingest/decompress.ts";

async function decompress(compression: "none" | "gzip" | "zstd", pieces: readonly Buffer[]): Promise<Buffer> {
  const output: Buffer[] = [];
  const decompressor = createDecompressor(compression, (bytes) => output.push(Buffer.from(bytes)));
  try {
    for (const piece of pieces) await decompressor.write(piece);
    await decompressor.finish();
  } finally {
    decompressor.close();
  }
  return Buffer.concat(output);
}

function split(bytes: Buffer, at: number): Buffer[] {
  return [bytes.subarray(0, at), bytes.subarray(at)];
}

const text = Buffer.from("composefs ".repeat(4000));
const skippable = Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 5, 0, 0, 0]), Buffer.from("hello")]);

describe("gzip", () => {
  it("joins members wherever the pieces are cut", async () => {
    const blob = Buffer.concat([gzipSync("one "), gzipSync("two "), gzipSync("three")]);
    for (let at = 0; at <= blob.length; at++) {
      expect((await decompress("gzip", split(blob, at))).toString()).toBe("one two three");
    }
  });

  it("refuses a blob that is cut at any byte", async () => {
    const blob = gzipSync(text);
    for (let at = 0; at < blob.length; at++) {
      await expect(decompress("gzip", [blob.subarray(0, at)])).rejects.toMatchObject({ code: "bad-format" });
    }
  });

  it("hands back what the sink throws", async () => {
    const decompressor = createDecompressor("gzip", () => {
      throw new RangeError("full");
    });
    const work = async (): Promise<void> => {
      await decompressor.write(gzipSync(text));
      await decompressor.finish();
    };
    await expect(work()).rejects.toThrow("full");
    decompressor.close();
  });

  it("gives back any bytes in any pieces", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), fc.nat(6000), async (bytes, at) => {
        const blob = gzipSync(bytes);
        expect(await decompress("gzip", split(blob, at % (blob.length + 1)))).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 50 },
    );
  });
});

describe("zstd", () => {
  it("reads several frames and passes over skippable ones, as zstd:chunked layers have them", async () => {
    const blob = Buffer.concat([
      zstd.compress(Buffer.from("one ")),
      skippable,
      zstd.compress(Buffer.from("two")),
      skippable,
    ]);
    for (let at = 0; at <= blob.length; at++) {
      expect((await decompress("zstd", split(blob, at))).toString()).toBe("one two");
    }
  });

  it("unpacks more than its output buffer at once", async () => {
    const zeros = Buffer.alloc(9 * 1024 * 1024);
    expect((await decompress("zstd", [zstd.compress(zeros)])).equals(zeros)).toBe(true);
    const exact = Buffer.alloc(1024 * 1024);
    expect((await decompress("zstd", [zstd.compress(exact)])).equals(exact)).toBe(true);
  });

  it("refuses a blob that is cut at any byte", async () => {
    const blob = zstd.compress(text);
    for (let at = 0; at < blob.length; at++) {
      await expect(decompress("zstd", [blob.subarray(0, at)])).rejects.toMatchObject({ code: "bad-format" });
    }
  });

  it("refuses garbage behind a frame", async () => {
    const blob = Buffer.concat([zstd.compress(text), Buffer.from("garbage")]);
    await expect(decompress("zstd", [blob])).rejects.toMatchObject({ code: "bad-format" });
  });
});

describe("no compression", () => {
  it("passes the bytes on", async () => {
    expect(await decompress("none", split(text, 100))).toEqual(text);
  });
});
