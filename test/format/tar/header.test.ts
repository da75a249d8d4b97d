import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { header, seal } from "../../../oci-fixtures/tar-builder.ts";
import { Oci2cfsError } from "../../../src/errors.ts";
import {
  decodeHeader,
  decodeOldSparseExtension,
  decodeOldSparseHeader,
  isZeroBlock,
} from "../../../src/format/tar/header.ts";

interface Field {
  readonly offset: number;
  readonly size: number;
}

const mode: Field = { offset: 100, size: 8 };
const uid: Field = { offset: 108, size: 8 };
const size: Field = { offset: 124, size: 12 };
const mtime: Field = { offset: 136, size: 12 };
const devMajor: Field = { offset: 329, size: 8 };

/** A header in which one field has exactly these bytes; the rest of the field is NULs. */
function withField({ offset, size: length }: Field, bytes: string | readonly number[]): Buffer {
  const block = header({ name: "a", type: "0" });
  block.fill(0, offset, offset + length);
  (typeof bytes === "string" ? Buffer.from(bytes, "latin1") : Buffer.from(bytes)).copy(block, offset);
  return seal(block);
}

const error = (code: string, message: RegExp): unknown =>
  expect.objectContaining({ name: "Oci2cfsError", code, message: expect.stringMatching(message) });

function failureOf(block: Buffer): unknown {
  try {
    decodeHeader(block, 0);
  } catch (failure) {
    return failure;
  }
  return "decoded";
}

describe("header blocks", () => {
  it("give back every field that was written", () => {
    const bytes = (maxLength: number): fc.Arbitrary<string> =>
      fc
        .uint8Array({ minLength: 1, maxLength })
        .map((array) => Buffer.from(array).toString("latin1").replaceAll("\0", "-"));
    const fields = fc.record({
      name: bytes(100),
      type: fc.constantFrom("0", "1", "2", "3", "4", "5", "6", "7", "g", "x"),
      mode: fc.integer({ min: 0, max: 0xffff }),
      uid: fc.integer({ min: 0, max: 0xffffffff }),
      gid: fc.integer({ min: 0, max: 0xffffffff }),
      size: fc.maxSafeNat(),
      mtime: fc.maxSafeInteger(),
      linkname: bytes(100),
      devMajor: fc.integer({ min: 0, max: 0xffffffff }),
      devMinor: fc.integer({ min: 0, max: 0xffffffff }),
    });
    fc.assert(
      fc.property(fields, fc.constantFrom("ustar" as const, "gnu" as const), (written, format) => {
        const block = header({ ...written, format });
        expect(decodeHeader(block, 0)).toEqual(written);
        // Where the block lies does not matter.
        expect(decodeHeader(Buffer.concat([Buffer.alloc(100, 0xff), block]), 100)).toEqual(written);
      }),
    );
  });

  it("put the ustar prefix in front of the name, 155 bytes of it", () => {
    const prefix = "p".repeat(155);
    const name = "n".repeat(100);
    expect(decodeHeader(header({ name, prefix, type: "0" }), 0).name).toBe(`${prefix}/${name}`);
    expect(decodeHeader(header({ name, prefix: "", type: "0" }), 0).name).toBe(name);
  });

  it("know what stands there instead: times of GNU tar and star, nothing in v7", () => {
    const prefix = "p".repeat(155);
    expect(decodeHeader(header({ name: "n", prefix, type: "0", format: "gnu" }), 0).name).toBe("n");
    const star = header({ name: "n", prefix, type: "0" });
    star.write("tar\0", 508, "latin1");
    expect(decodeHeader(seal(star), 0).name).toBe(`${"p".repeat(131)}/n`);
    const v7 = header({ name: "n", prefix, type: "0", devMajor: 7, devMinor: 9 });
    v7.fill(0, 257, 265);
    expect(decodeHeader(seal(v7), 0)).toMatchObject({ name: "n", devMajor: 0, devMinor: 0 });
  });

  it("end names at the first NUL or at the end of the field", () => {
    expect(decodeHeader(withField({ offset: 0, size: 100 }, "ab\0cd"), 0).name).toBe("ab");
    expect(decodeHeader(withField({ offset: 157, size: 100 }, "l".repeat(100)), 0).linkname).toBe("l".repeat(100));
  });

  it("cut modes to 16 bits", () => {
    expect(decodeHeader(withField(mode, "1100644"), 0).mode).toBe(0o100644);
    expect(decodeHeader(withField(mode, "7777777"), 0).mode).toBe(0o177777);
  });

  it.each([
    ["0000644\0", 0o644],
    ["000644 \0", 0o644],
    ["  644 \0", 0o644],
    ["     644", 0o644],
    ["00000644", 0o644],
    ["\0\0\0 644", 0o644],
    ["644", 0o644],
    ["644\0junk", 0o644],
    ["", 0],
    ["        ", 0],
  ])("read the octal field %j", (text, value) => {
    expect(decodeHeader(withField(mode, text), 0).mode).toBe(value);
  });

  it.each([["0000648\0"], ["6 4 4"], ["-000644"], ["0x1ff"], ["644 x"], ["\x7f\x01"]])(
    "refuse the octal field %j",
    (text) => {
      expect(failureOf(withField(mode, text))).toEqual(error("bad-format", /is not an octal number$/));
    },
  );

  it("show bytes of a wrong field only where they are printable", () => {
    expect(failureOf(withField(mode, "6\n\x1b[1"))).toEqual(error("bad-format", /^"6\?\?\[1\?\?\?" is not/));
  });

  it("read base-256 of both signs", () => {
    const twelve = (...last: number[]): number[] => [0x80, ...Array<number>(11 - last.length).fill(0), ...last];
    expect(decodeHeader(withField(size, twelve(2, 0, 0, 0, 0)), 0).size).toBe(2 ** 33);
    expect(decodeHeader(withField(size, twelve(0x1f, ...Array<number>(6).fill(0xff))), 0).size).toBe(2 ** 53 - 1);
    expect(decodeHeader(withField(mtime, Array<number>(12).fill(0xff)), 0).mtime).toBe(-1);
    expect(decodeHeader(withField(uid, [0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]), 0).uid).toBe(0xffffffff);
  });

  it.each<[string, Field, readonly number[], RegExp]>([
    ["a size of 2^53", size, [0x80, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0], /^number 9007199254740992 is too large$/],
    ["a size of 2^94", size, [0xbf, ...Array<number>(11).fill(0xff)], /is too large$/],
    ["a negative size", size, Array<number>(12).fill(0xff), /^size -1 is negative$/],
    ["a time far in the past", mtime, [0xc0, ...Array<number>(11).fill(0)], /is too large$/],
    ["a negative uid", uid, Array<number>(8).fill(0xff), /^uid -1 is not a 32-bit number$/],
    ["a uid of 2^32", uid, [0x80, 0, 0, 1, 0, 0, 0, 0], /^uid 4294967296 is not a 32-bit number$/],
    ["a device of 2^40", devMajor, [0x80, 0, 1, 0, 0, 0, 0, 0], /^device major 1099511627776 is not/],
  ])("refuse %s", (_, field, bytes, message) => {
    expect(failureOf(withField(field, bytes))).toEqual(error("bad-format", message));
  });

  it("have a checksum of unsigned or of signed bytes", () => {
    const block = header({ name: "\xe9\xff\x80", type: "0" });
    expect(decodeHeader(block, 0).name).toBe("\xe9\xff\x80");
    const unsigned = Number.parseInt(block.toString("latin1", 148, 154), 8);
    block.write(`${(unsigned - 3 * 256).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    expect(decodeHeader(block, 0).name).toBe("\xe9\xff\x80");
    block.write(`${(unsigned - 2 * 256).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    expect(failureOf(block)).toEqual(error("bad-format", /^header checksum is wrong/));
  });

  it("are refused when any byte outside of their unused tail is another one", () => {
    const block = header({ name: "name", type: "0", size: 1000 });
    for (let index = 0; index < 512; index++) {
      const damaged = Buffer.from(block);
      damaged[index] = (damaged[index] ?? 0) ^ 0x11;
      // The digits of the checksum may end in a NUL or a space alike, and what stands behind a NUL says nothing.
      if (index === 154 || index === 155) expect(failureOf(damaged)).not.toBeInstanceOf(TypeError);
      else expect([index, failureOf(damaged)]).toEqual([index, error("bad-format", /^header checksum is wrong/)]);
    }
  });

  it("say that they are no tar when a file is something else", () => {
    expect(failureOf(Buffer.alloc(512, "#!/bin/sh\n"))).toEqual(error("bad-format", /not a tar/));
    expect(failureOf(Buffer.alloc(512, 0xff))).toEqual(error("bad-format", /not a tar/));
  });

  it("of zeros alone are told from all others", () => {
    expect(isZeroBlock(Buffer.alloc(512), 0)).toBe(true);
    for (const index of [0, 1, 255, 511]) {
      const block = Buffer.alloc(512);
      block[index] = 1;
      expect(isZeroBlock(block, 0)).toBe(false);
    }
    expect(isZeroBlock(Buffer.concat([Buffer.alloc(512, 1), Buffer.alloc(512), Buffer.alloc(512, 1)]), 512)).toBe(true);
  });
});

function writeRuns(block: Buffer, at: number, runs: readonly (readonly [number, number])[]): Buffer {
  for (const [index, [offset, length]] of runs.entries()) {
    block.write(`${offset.toString(8).padStart(11, "0")}\0`, at + 24 * index, "latin1");
    block.write(`${length.toString(8).padStart(11, "0")}\0`, at + 24 * index + 12, "latin1");
  }
  return block;
}

describe("old GNU sparse maps", () => {
  it("have four runs in the header, the expanded size, and a mark when more follow", () => {
    const block = writeRuns(Buffer.alloc(512), 386, [
      [0, 512],
      [1024, 5],
    ]);
    block.write("00000004000\0", 483, "latin1");
    const first = { offset: 0, length: 512 };
    const second = { offset: 1024, length: 5 };
    expect(decodeOldSparseHeader(block, 0)).toEqual({ segments: [first, second], extended: false, realSize: 2048 });
    block[482] = 1;
    expect(decodeOldSparseHeader(block, 0).extended).toBe(true);
  });

  it("have 21 runs in each extension", () => {
    const runs = Array.from({ length: 21 }, (_, index) => [index * 10, index] as const);
    const block = writeRuns(Buffer.alloc(512), 0, runs);
    const segments = runs.map(([offset, length]) => ({ offset, length }));
    expect(decodeOldSparseExtension(block, 0)).toEqual({ segments, extended: false });
    block[504] = 1;
    expect(decodeOldSparseExtension(block, 0)).toEqual({ segments, extended: true });
    block[10 * 24] = 0;
    expect(decodeOldSparseExtension(block, 0).segments).toEqual(segments.slice(0, 10));
  });

  it("hold no negative numbers", () => {
    const block = Buffer.alloc(512);
    block.fill(0xff, 0, 24);
    expect(() => decodeOldSparseExtension(block, 0)).toThrow(Oci2cfsError);
  });
});
