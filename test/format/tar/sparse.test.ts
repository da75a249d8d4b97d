import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Oci2cfsError } from "../../../src/errors.ts";
import type { SparseSegment } from "../../../src/format/tar/entry.ts";
import { checkSparseMap, SparseMapReader } from "../../../src/format/tar/sparse.ts";

/** Runs that lie apart, from pairs of a hole's and a run's length. */
const runs: fc.Arbitrary<SparseSegment[]> = fc
  .array(fc.tuple(fc.nat(10_000), fc.nat(10_000)), { maxLength: 200 })
  .map((pairs) => {
    let position = 0;
    return pairs.map(([hole, length]) => {
      const offset = position + hole;
      position = offset + length;
      return { offset, length };
    });
  });

const numbersOf = (segments: readonly SparseSegment[]): number[] => [
  segments.length,
  ...segments.flatMap(({ offset, length }) => [offset, length]),
];

function encode(segments: readonly SparseSegment[]): Buffer {
  const text = numbersOf(segments)
    .map((number) => `${number}\n`)
    .join("");
  return Buffer.from(text.padEnd(Math.ceil(text.length / 512) * 512, "\0"), "latin1");
}

/** Feeds pieces of a map and what stands behind it, and tells how many bytes the reader took. */
function feed(reader: SparseMapReader, bytes: Buffer, piece = bytes.length): number {
  let position = 0;
  while (position < bytes.length && !reader.done) {
    const end = Math.min(bytes.length, position + piece);
    const count = reader.push(bytes, position, end);
    if (count === 0) throw new Error("the reader takes nothing");
    position += count;
  }
  return position;
}

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof Oci2cfsError) return error.message;
    throw error;
  }
  return "accepted";
}

describe("sparse maps of format 1.0", () => {
  it("give back their runs in any pieces, and take not a byte of the content", () => {
    fc.assert(
      fc.property(runs, fc.integer({ min: 1, max: 2000 }), fc.nat(100), (segments, piece, rest) => {
        const map = encode(segments);
        const reader = new SparseMapReader(1000);
        const taken = feed(reader, Buffer.concat([map, Buffer.alloc(rest, "1\n")]), piece);
        expect([reader.done, taken]).toEqual([true, map.length]);
        expect(reader.segments).toEqual(segments);
      }),
    );
  });

  it("are not done before their filling ends", () => {
    const reader = new SparseMapReader(10);
    feed(reader, encode([{ offset: 0, length: 1 }]).subarray(0, 511));
    expect(reader.done).toBe(false);
    reader.push(Buffer.alloc(1), 0, 1);
    expect(reader.done).toBe(true);
  });

  it.each([["\n"], ["1\n\n"], ["1\n0\n-5\n"], ["x"], ["1 \n"], ["1\0"], ["00000000000000000\n"]])(
    "are decimal numbers and not %j",
    (text) => {
      const message = messageOf(() => feed(new SparseMapReader(10), Buffer.from(text, "latin1")));
      expect(message).toBe("the sparse map is not decimal numbers");
    },
  );

  it("are bounded before any run is read", () => {
    expect(messageOf(() => feed(new SparseMapReader(10), Buffer.from("10\n")))).toBe("accepted");
    const message = messageOf(() => feed(new SparseMapReader(10), Buffer.from("1000000000\n")));
    expect(message).toBe("a sparse map of 1000000000 runs, more than 10");
  });
});

describe("the check of a sparse map", () => {
  it("accepts runs in order and drops empty ones", () => {
    fc.assert(
      fc.property(runs, fc.nat(1000), (segments, tail) => {
        const last = segments.at(-1);
        const realSize = (last === undefined ? 0 : last.offset + last.length) + tail;
        const storedSize = segments.reduce((sum, { length }) => sum + length, 0);
        const kept = segments.filter(({ length }) => length > 0);
        expect(checkSparseMap(segments, { realSize, storedSize })).toEqual(kept);
      }),
    );
  });

  it.each<[string, readonly [number, number][], number, number]>([
    [
      "overlap",
      [
        [0, 10],
        [9, 10],
      ],
      100,
      20,
    ],
    [
      "come backwards",
      [
        [50, 10],
        [0, 10],
      ],
      100,
      20,
    ],
    [
      "are the same",
      [
        [0, 10],
        [0, 10],
      ],
      100,
      20,
    ],
    ["begin behind the end", [[101, 0]], 100, 0],
    ["end behind the end", [[95, 10]], 100, 10],
    [
      "end behind what a number holds",
      [[Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]],
      Number.MAX_SAFE_INTEGER,
      0,
    ],
  ])("refuses runs that %s", (_, pairs, realSize, storedSize) => {
    const segments = pairs.map(([offset, length]) => ({ offset, length }));
    expect(messageOf(() => checkSparseMap(segments, { realSize, storedSize }))).toMatch(/^sparse run of \d+ bytes at/);
  });

  it("refuses a map of more or of fewer bytes than are stored", () => {
    const segments = [{ offset: 0, length: 10 }];
    for (const storedSize of [0, 9, 11]) {
      const message = messageOf(() => checkSparseMap(segments, { realSize: 10, storedSize }));
      expect(message).toBe(`sparse map of 10 bytes where the archive holds ${storedSize}`);
    }
  });
});
