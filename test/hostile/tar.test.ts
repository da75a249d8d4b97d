// Layer tars that are cut, damaged, lying or endless: each is read correctly or refused with one clear error, in memory
// that the limits bound.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { file, gnuLong, header, padded, paxHeader, seal, tar } from "../../oci-fixtures/tar-builder.ts";
import { Oci2cfsError } from "../../src/errors.ts";
import type { SparseSegment } from "../../src/format/tar/entry.ts";
import { TarReader } from "../../src/format/tar/reader.ts";
import { type SparseFormat, smallArchives, sparseEntry, sparseFormats } from "../format/tar/archives.ts";
import { type Recording, read, record } from "../format/tar/recorder.ts";

const archives = Object.entries(smallArchives());

/**
 * The reading ended well, or with an error of ours that says where; whatever was handed over is the archive's bytes.
 * Plain comparisons: an `expect` for each of 100,000 readings takes ten times as long as they do.
 */
function checkSound(archive: Buffer, { error, rebuilt }: Recording): void {
  if (!rebuilt.equals(error === undefined ? archive : archive.subarray(0, rebuilt.length))) {
    throw new Error("other bytes than the archive's");
  }
  if (error === undefined) return;
  if (!(error instanceof Oci2cfsError)) throw error;
  if (error.code !== "bad-format" && error.code !== "unsupported") throw error;
  if (!/^tar: entry \d+ at byte \d+: [^\n]+$/.test(error.message)) throw error;
}

function failureOf(archive: Buffer): string {
  const { error } = record(archive);
  if (error instanceof Oci2cfsError) return error.message;
  throw error ?? new Error("accepted");
}

const nothing = {
  raw: () => undefined,
  entry: () => undefined,
  content: () => undefined,
  contentEnd: () => undefined,
};

describe.each(archives)("a small archive, %s", (_, archive) => {
  it("cut at every byte is an error, or lost nothing but filling and end blocks", () => {
    const whole = read(archive);
    for (let length = 0; length < archive.length; length++) {
      const cut = archive.subarray(0, length);
      const recording = record(cut);
      checkSound(cut, recording);
      if (recording.error === undefined) {
        expect(recording.entries).toEqual(whole.slice(0, recording.entries.length));
        // Nothing of a further entry may have been there.
        const next = whole[recording.entries.length];
        if (next !== undefined) expect(length).toBeLessThanOrEqual(next.entry.offset);
      } else {
        expect(recording.entries.length).toBeLessThanOrEqual(whole.length);
      }
    }
  });

  it("with any byte changed is read or refused, also when the checksum is made right again", () => {
    for (let index = 0; index < archive.length; index++) {
      for (const value of [(archive[index] ?? 0) ^ 0x01, (archive[index] ?? 0) ^ 0x80, 0xff, 0x00, 0x39]) {
        const damaged = Buffer.from(archive);
        damaged[index] = value;
        checkSound(damaged, record(damaged));
        const block = index - (index % 512);
        seal(damaged.subarray(block, block + 512));
        checkSound(damaged, record(damaged));
      }
    }
  });

  it("with several fields changed is read or refused", () => {
    const change = fc.tuple(fc.nat(archive.length - 1), fc.uint8Array({ minLength: 1, maxLength: 12 }));
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 1500 }),
        (changes, piece) => {
          const damaged = Buffer.from(archive);
          for (const [index, bytes] of changes) {
            damaged.set(bytes.subarray(0, archive.length - index), index);
            const block = index - (index % 512);
            seal(damaged.subarray(block, block + 512));
          }
          const whole = record(damaged);
          checkSound(damaged, whole);
          // Pieces change nothing, not even the error.
          const pieces = record(damaged, { pieces: [piece] });
          expect(pieces.entries.map(({ entry }) => entry)).toEqual(whole.entries.map(({ entry }) => entry));
          expect(String(pieces.error)).toBe(String(whole.error));
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("bytes that are no tar", () => {
  it("are refused, whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 5000 }), (bytes) => {
        const archive = Buffer.from(bytes);
        checkSound(archive, record(archive));
      }),
    );
  });

  it("are refused with a right checksum as well", () => {
    const block = fc.uint8Array({ minLength: 512, maxLength: 512 }).map((bytes) => seal(Buffer.from(bytes)));
    const type = fc.constantFrom(..."0123456789xgLKSDVMN\0");
    fc.assert(
      fc.property(fc.array(fc.tuple(block, type, fc.nat(2000)), { minLength: 1, maxLength: 5 }), (blocks) => {
        const made = blocks.map(([bytes, typeByte, size]) => {
          bytes.write(typeByte, 156, "latin1");
          for (const [offset, length] of [
            [100, 8],
            [108, 8],
            [116, 8],
            [136, 12],
            [329, 8],
            [337, 8],
          ] as const) {
            bytes.fill("0", offset, offset + length);
          }
          bytes.write(size.toString(8).padStart(12, "0"), 124, "latin1");
          return seal(bytes);
        });
        const archive = Buffer.concat(made);
        checkSound(archive, record(archive));
      }),
      { numRuns: 500 },
    );
  });
});

describe("lies about sizes", () => {
  it("of a terabyte allocate nothing and end in an error", () => {
    for (const type of ["0", "7", "\0", "g", "V", "D"]) {
      const archive = Buffer.concat([header({ name: "a", type, size: 2 ** 40 }), Buffer.alloc(5000)]);
      const before = process.memoryUsage().arrayBuffers;
      expect(failureOf(archive)).toMatch(/^tar: entry \d at byte 0: the archive ends inside of the entry$/);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
    }
  });

  it("in extension headers are refused before any memory is taken", () => {
    for (const type of ["x", "X", "L", "K"]) {
      for (const size of [1024 * 1024 + 1, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
        expect(failureOf(header({ name: "a", type, size }))).toBe(
          `tar: entry 1 at byte 0: an extension header of ${size} bytes, more than 1048576`,
        );
      }
    }
  });

  it("that are negative or beyond 2^53 are refused for every type", () => {
    for (const type of ["0", "5", "x", "g", "L", "S", "V"]) {
      const negative = header({ name: "a", type, size: -1, format: "gnu" });
      expect(failureOf(tar(negative))).toBe("tar: entry 1 at byte 0: size -1 is negative");
      const large = header({ name: "a", type });
      large.fill(0xff, 124, 136);
      large[124] = 0xbf;
      expect(failureOf(tar(seal(large)))).toMatch(/^tar: entry 1 at byte 0: number \d+ is too large$/);
    }
  });

  it("in pax records are refused like those in headers", () => {
    for (const size of ["-1", "9007199254740992", "99999999999999999999", "1e3", "0x10"]) {
      expect(failureOf(tar(paxHeader({ size }), file("a", "x")))).toMatch(
        /: pax size=".*" is not a whole number below 2\^53$/,
      );
    }
  });
});

describe("extension headers", () => {
  it("of a million records are refused", () => {
    const data = Buffer.from("9 a=1234\n".repeat(1_000_000));
    const archive = tar(header({ name: "x", type: "x", size: data.length }), padded(data), file("a"));
    expect(failureOf(archive)).toBe("tar: entry 1 at byte 0: an extension header of 9000000 bytes, more than 1048576");
  });

  it("of as many records as fit are read", () => {
    const records = ["5 a=\n", "8 path=\n", "8 size=\n", "9 mtime=\n", "19 GNU.sparse.map=\n"];
    for (const text of records) {
      const data = Buffer.from(text.repeat(Math.floor((1024 * 1024) / text.length)));
      const archive = tar(header({ name: "x", type: "x", size: data.length }), padded(data), file("a"));
      expect([text, record(archive).entries.length]).toEqual([text, 1]);
    }
  });

  it("with xattrs of many names are bounded by all of their bytes", () => {
    const records = Array.from({ length: 30_000 }, (_, index) => [`SCHILY.xattr.user.${index}`, ""] as const);
    expect(failureOf(tar(paxHeader(records), file("a")))).toBe(
      "tar: entry 1 at byte 0: xattrs of more than 262144 bytes",
    );
  });

  it("without end take no more memory than one", () => {
    const kinds = [
      gnuLong("L", "n".repeat(1024 * 1024 - 1)),
      gnuLong("K", "n".repeat(1024 * 1024 - 1)),
      paxHeader({ path: "n".repeat(1_000_000) }),
      paxHeader({ comment: "n".repeat(1_000_000) }),
      Buffer.concat([header({ name: "g", type: "g", size: 1024 * 1024 }), Buffer.alloc(1024 * 1024)]),
    ];
    for (const headers of kinds) {
      const reader = new TarReader(nothing);
      const before = process.memoryUsage();
      for (let count = 0; count < 300; count++) reader.push(headers);
      const after = process.memoryUsage();
      // Kept, they would be 300 MB.
      expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(150_000_000);
      if (headers !== kinds.at(-1)) expect(() => reader.finish()).toThrow(Oci2cfsError);
    }
  });
});

describe("sparse maps", () => {
  const runs = (...pairs: readonly (readonly [number, number])[]): SparseSegment[] =>
    pairs.map(([offset, length]) => ({ offset, length }));
  const large = 2 ** 33 - 1;

  const lies: readonly (readonly [what: string, segments: SparseSegment[], realSize: number, stored: number])[] = [
    ["overlap", runs([0, 10], [5, 10]), 100, 20],
    ["run backwards", runs([50, 10], [0, 10]), 100, 20],
    ["leave the file", runs([95, 10]), 100, 10],
    ["begin behind its end", runs([200, 1]), 100, 1],
    ["are longer than what is stored", runs([0, 50]), 100, 10],
    ["are shorter than what is stored", runs([0, 5]), 100, 10],
    ["claim all memory", runs([0, large]), large, 0],
    ["add up beyond the file", runs([large, large]), large, 0],
  ];

  it.each(sparseFormats.flatMap((format) => lies.map((lie) => [format, ...lie] as const)))(
    "of format %s that %s are refused",
    (format: SparseFormat, _, segments, realSize, stored) => {
      const archive = tar(sparseEntry("s", format, { segments, realSize, stored: Buffer.alloc(stored) }), file("next"));
      expect(failureOf(archive)).toMatch(/^tar: entry 1 at byte 0: sparse (run|map) of \d+ bytes /);
    },
  );

  it("of a billion runs are refused before they are read", () => {
    const map = padded(Buffer.from("1000000000\n0\n1\n"));
    const pax = paxHeader({ "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "100" });
    const archive = Buffer.concat([pax, header({ name: "s", type: "0", size: 2 ** 40 }), map]);
    expect(failureOf(archive)).toBe("tar: entry 1 at byte 0: a sparse map of 1000000000 runs, more than 100000");
  });

  it("that lie about how long they are end with their entry", () => {
    const pax = paxHeader({ "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "100" });
    const entry = (text: string, size: number): Buffer =>
      tar(pax, header({ name: "s", type: "0", size }), padded(Buffer.from(text)));
    const unfinished = "tar: entry 1 at byte 0: the sparse map does not end within its entry";
    expect(failureOf(entry("5\n0\n1\n", 6))).toBe(unfinished);
    expect(failureOf(entry("1\n0\n1\n", 6))).toBe(unfinished);
    expect(failureOf(entry("1", 1))).toBe(unfinished);
    expect(failureOf(entry("", 0))).toBe("tar: entry 1 at byte 0: the sparse map is missing");
    expect(failureOf(entry("9".repeat(600), 600))).toBe(
      "tar: entry 1 at byte 0: the sparse map is not decimal numbers",
    );
  });

  it("of the old format without end are refused at their limit, and empty blocks of them take no memory", () => {
    const first = header({ name: "s", type: "S", size: 0, format: "gnu" });
    first[482] = 1;
    const full = Buffer.alloc(512, "00000000000\0");
    full[504] = 1;
    const reader = new TarReader(nothing);
    reader.push(seal(first));
    const many = Buffer.concat(Array<Buffer>(100).fill(full));
    expect(() => {
      for (let count = 0; count < 100; count++) reader.push(many);
    }).toThrow("tar: entry 1 at byte 0: a sparse map of more than 100000 runs");

    const empty = Buffer.alloc(512 * 1000);
    for (let block = 0; block < 1000; block++) empty[512 * block + 504] = 1;
    const patient = new TarReader(nothing);
    patient.push(first);
    const before = process.memoryUsage();
    for (let count = 0; count < 300; count++) patient.push(empty);
    const after = process.memoryUsage();
    expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(100_000_000);
    expect(() => patient.finish()).toThrow("the archive ends inside of the entry");
  });

  it("of pax are bounded in number", () => {
    const map = Array<string>(200_002).fill("0").join(",");
    const pax = paxHeader({ "GNU.sparse.size": "0", "GNU.sparse.map": map });
    expect(failureOf(tar(pax, file("s")))).toBe("tar: entry 1 at byte 0: a sparse map of more than 100000 runs");
  });
});
