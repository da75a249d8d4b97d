import fc from "fast-check";
import { describe, expect, it } from "vitest";
import zstd from "zstd-napi";
import { Oci2cfsError } from "../../src/errors.ts";
import type { VerityDigest } from "../../src/format/digest.ts";
import { ChunkWriter, encodeNamedRefs, encodeSplitstream } from "../../src/format/splitstream.ts";
import { readStream, readStreamInfo, type StreamInfo, StreamWriter } from "../../src/store/streams.ts";

const digest = (byte: number): VerityDigest => byte.toString(16).padStart(2, "0").repeat(32) as VerityDigest;

interface ReadResult {
  info: StreamInfo;
  items: (string | { object: VerityDigest })[];
}

function read(file: Buffer): ReadResult {
  const items: ReadResult["items"] = [];
  let begun = false;
  const info = readStream(file, {
    begin: () => {
      begun = true;
    },
    inline: (buffer, start, end) => {
      expect(begun).toBe(true);
      const text = buffer.toString("latin1", start, end);
      const last = items.at(-1);
      if (typeof last === "string") items[items.length - 1] = last + text;
      else items.push(text);
    },
    external: (object) => items.push({ object }),
  });
  return { info, items };
}

function write(fill: (writer: StreamWriter) => void): Buffer {
  const writer = new StreamWriter({ algorithm: "sha256", contentType: "ocilayer" });
  fill(writer);
  return Buffer.concat(writer.finish());
}

/** A file whose sections are what the test wants them to be. */
function fileOf(sections: { stream?: Buffer; namedRefs?: Buffer; objectRefs?: VerityDigest[] }): Buffer {
  return Buffer.concat(
    encodeSplitstream({
      contentType: "ocilayer",
      algorithm: "sha256",
      streamRefs: [digest(1)],
      objectRefs: sections.objectRefs ?? [],
      namedRefs: sections.namedRefs ?? zstd.compress(encodeNamedRefs(new Map())),
      stream: [sections.stream ?? zstd.compress(Buffer.alloc(0))],
      streamSize: 0,
    }),
  );
}

function chunks(fill: (writer: ChunkWriter) => void): Buffer {
  const pieces: Buffer[] = [];
  const writer = new ChunkWriter((bytes) => pieces.push(Buffer.from(bytes)));
  fill(writer);
  writer.finish();
  return Buffer.concat(pieces);
}

describe("a stream", () => {
  it("comes back with content, objects and names", () => {
    const item = fc.oneof(
      fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 600 }),
      fc.integer({ min: 0, max: 255 }),
    );
    const names = fc.dictionary(fc.stringMatching(/^[a-z:]{1,8}$/), fc.integer({ min: 0, max: 9 }));
    fc.assert(
      fc.property(fc.array(item, { maxLength: 20 }), names, (given, named) => {
        const file = write((writer) => {
          for (const each of given) {
            if (typeof each === "string") writer.inline(Buffer.from(each, "latin1"));
            else writer.external(digest(each), 1000);
          }
          for (const [name, byte] of Object.entries(named)) writer.named(name, digest(byte));
        });
        const { info, items } = read(file);
        const text = (list: ReadResult["items"]): string =>
          list.map((each) => (typeof each === "string" ? each : `[${each.object}]`)).join("");
        expect(text(items)).toBe(
          text(given.map((each) => (typeof each === "string" ? each : { object: digest(each) }))),
        );
        expect(info.streamSize).toBe(
          given.reduce<number>((sum, each) => sum + (typeof each === "string" ? each.length : 1000), 0),
        );
        expect(Object.fromEntries(info.namedRefs)).toEqual(
          Object.fromEntries(Object.entries(named).map(([name, byte]) => [name, digest(byte)])),
        );
        expect(info).toMatchObject({ contentType: "ocilayer", algorithm: "sha256" });
        expect(readStreamInfo(file)).toEqual(info);
      }),
      { numRuns: 50 },
    );
  });

  it("holds megabytes of inline bytes that do not compress", () => {
    const content = Buffer.alloc(3_000_000);
    let state = 1;
    for (let index = 0; index < content.length; index++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      content[index] = state >>> 24;
    }
    const file = write((writer) => {
      writer.inline(content, 0, 1_500_001);
      writer.external(digest(5), 7);
      writer.inline(content, 1_500_001);
    });
    const { items } = read(file);
    expect(items).toHaveLength(3);
    expect(items[1]).toEqual({ object: digest(5) });
    expect(`${items[0]}${items[2]}` === content.toString("latin1")).toBe(true);
  });

  it("is two zstd frames that any decoder reads", () => {
    const file = write((writer) => {
      writer.inline(Buffer.from("abc"));
      writer.named("name", digest(9));
    });
    const section = (index: number): Buffer =>
      file.subarray(Number(file.readBigUInt64LE(32 + 16 * index)), Number(file.readBigUInt64LE(40 + 16 * index)));
    expect(zstd.decompress(section(2)).toString("hex")).toBe("fdffffffffffffff616263");
    expect(zstd.decompress(section(3)).toString("latin1")).toBe("0:name\0");
  });

  it("may be several frames", () => {
    const bytes = chunks((writer) => {
      writer.inline(Buffer.from("hello"), 0, 5);
      writer.external(digest(1), 3);
    });
    const stream = Buffer.concat([zstd.compress(bytes.subarray(0, 9)), zstd.compress(bytes.subarray(9))]);
    expect(read(fileOf({ stream, objectRefs: [digest(1)] })).items).toEqual(["hello", { object: digest(1) }]);
  });

  it("passes through a small buffer, however much it unpacks to", () => {
    const size = 256 * 1024 * 1024;
    const compressor = new zstd.Compressor();
    const head = Buffer.alloc(8);
    head.writeBigInt64LE(BigInt(-size));
    // Frames of zeros, 4 MiB each, of which each takes some hundred bytes.
    const zeros = compressor.compress(Buffer.alloc(4 * 1024 * 1024));
    const file = fileOf({ stream: Buffer.concat([zstd.compress(head), ...Array<Buffer>(64).fill(zeros)]) });
    expect(file.length).toBeLessThan(64 * 1024);
    let total = 0;
    let largest = 0;
    readStream(file, {
      begin: () => undefined,
      inline: (buffer, start, end) => {
        total += end - start;
        largest = Math.max(largest, buffer.length);
      },
      external: () => undefined,
    });
    expect(total).toBe(size);
    expect(largest).toBeLessThanOrEqual(1024 * 1024);
  });

  it("is refused with names that unpack to more than memory should hold", () => {
    const bomb = zstd.compress(Buffer.alloc(4 * 1024 * 1024));
    expect(() => readStreamInfo(fileOf({ namedRefs: Buffer.concat(Array<Buffer>(17).fill(bomb)) }))).toThrow(
      expect.objectContaining({ code: "bad-format", message: expect.stringContaining("too many named references") }),
    );
  });

  it("is refused when it names an object that it does not list", () => {
    const stream = zstd.compress(chunks((writer) => writer.external(digest(1), 1)));
    expect(() => read(fileOf({ stream }))).toThrow(
      expect.objectContaining({ code: "bad-format", message: "splitstream: no object number 0" }),
    );
  });

  it("is refused, and never misread, when it is cut", () => {
    const file = write((writer) => {
      writer.inline(Buffer.from("some inline bytes"));
      writer.external(digest(3), 100);
      writer.inline(Buffer.from("and more"));
      writer.named("a", digest(4));
    });
    for (let length = 0; length < file.length; length++) {
      expect(() => read(file.subarray(0, length))).toThrow(Oci2cfsError);
    }
    // The stream's own range shortened: what zstd has is then a frame without its end.
    const end = Number(file.readBigUInt64LE(72));
    for (let cut = Number(file.readBigUInt64LE(64)) + 1; cut < end; cut++) {
      const shortened = Buffer.from(file);
      shortened.writeBigUInt64LE(BigInt(cut), 72);
      expect(() => read(shortened)).toThrow(expect.objectContaining({ code: "bad-format" }));
    }
  });

  it("is refused or read with any bit flipped", () => {
    const file = write((writer) => {
      writer.inline(Buffer.from("some inline bytes"));
      writer.external(digest(3), 100);
      writer.named("a", digest(4));
    });
    for (let bit = 0; bit < 8 * file.length; bit++) {
      const damaged = Buffer.from(file);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      try {
        read(damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(Oci2cfsError);
        expect(["bad-format", "unsupported"]).toContain((error as Oci2cfsError).code);
      }
    }
  });
});
