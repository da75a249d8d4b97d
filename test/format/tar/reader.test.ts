import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { directory, file, gnuLong, header, padded, paxHeader, seal, tar } from "../../../oci-fixtures/tar-builder.ts";
import { Oci2cfsError } from "../../../src/errors.ts";
import { NO_XATTRS } from "../../../src/format/node.ts";
import { TarReader } from "../../../src/format/tar/reader.ts";
import { archivedEntry, type SparseFile, smallArchives, sparseEntry, sparseFormats } from "./archives.ts";
import { expand, read, readOne, record } from "./recorder.ts";

const zeros = Buffer.alloc(512);

function failureOf(archive: Buffer): string {
  const { error } = record(archive);
  if (error instanceof Oci2cfsError) return `${error.code}: ${error.message}`;
  throw error ?? new Error("accepted");
}

const namesOf = (archive: Buffer): string[] => read(archive).map(({ entry }) => entry.name);

describe("the tar reader", () => {
  it("gives back every entry and every byte, in any pieces", () => {
    const pieces = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(archivedEntry, { maxLength: 6 }), pieces, fc.nat(2000), (archived, sizes, rest) => {
        const archive = Buffer.concat([tar(...archived.map(({ bytes }) => bytes)), Buffer.alloc(rest, "?")]);
        const entries = read(archive, { pieces: sizes });
        expect(entries.map(({ entry: { offset, storedSize, sparse, ...entry } }) => entry)).toEqual(
          archived.map(({ expected }) => expected),
        );
        expect(entries.map(({ stored }) => stored)).toEqual(archived.map(({ content }) => content));
      }),
    );
  });

  it("reads the same in pieces of any size", () => {
    for (const [name, archive] of Object.entries(smallArchives())) {
      const whole = read(archive);
      for (const piece of [1, 7, 511, 512, 513, 1024]) {
        expect([name, piece, read(archive, { pieces: [piece] })]).toEqual([name, piece, whole]);
      }
    }
  });

  it("says where each entry begins, its extension headers included", () => {
    const archive = tar(file("a", "x", { pax: { mtime: "1" } }), directory("d"), gnuLong("L", "long"), directory("e"));
    expect(read(archive).map(({ entry }) => entry.offset)).toEqual([0, 2048, 2560]);
    expect(read(archive, { pieces: [100] }).map(({ entry }) => entry.offset)).toEqual([0, 2048, 2560]);
  });

  it("hands on ranges of the pushed buffer and copies nothing", () => {
    const archive = tar(file("a", "content", { pax: { mtime: "1" } }), file("b", "x".repeat(2000)));
    const buffers = new Set<Buffer>();
    const pushed = new Set<Buffer>();
    const keep = (buffer: Buffer): unknown => buffers.add(buffer);
    const reader = new TarReader({ raw: keep, content: keep, entry: () => undefined, contentEnd: () => undefined });
    for (let start = 0; start < archive.length; start += 700) {
      const piece = archive.subarray(start, start + 700);
      pushed.add(piece);
      reader.push(piece);
    }
    expect(buffers).toEqual(pushed);
  });

  it("knows the types, and a v7 directory by its slash", () => {
    const entryOf = (type: string, name: string): Buffer => header({ name, type, linkname: "l" });
    const types = ["0", "\0", "7", "1", "2", "3", "4", "5", "6", "D"];
    expect(read(tar(...types.map((type) => entryOf(type, "n")))).map(({ entry }) => entry.type)).toEqual([
      "regular",
      "regular",
      "regular",
      "hardlink",
      "symlink",
      "character",
      "block",
      "directory",
      "fifo",
      "directory",
    ]);
    expect(readOne(tar(entryOf("\0", "n/"))).entry.type).toBe("directory");
    expect(readOne(tar(paxHeader({ path: "n/" }), entryOf("\0", "n"))).entry.type).toBe("directory");
    expect(readOne(tar(gnuLong("L", "n/"), entryOf("\0", "n"))).entry.type).toBe("directory");
    // podman writes a file here, whatever its name ends with.
    expect(readOne(tar(entryOf("0", "n/"))).entry.type).toBe("regular");
  });

  it.each(["M", "N", "A", "Z", "8", " ", "\xff"])("refuses an entry of the type %j by name", (type) => {
    const shown = type === "\xff" ? "0xff" : type === " " ? "0x20" : `'${type}'`;
    expect(failureOf(tar(directory("d"), header({ name: "na\nme", type })))).toBe(
      `unsupported: tar: entry 2 at byte 512: type ${shown} of "na\\x0ame"`,
    );
  });

  it("takes no content for what has none, whatever its size says", () => {
    const types = ["1", "2", "3", "4", "5", "6"];
    const archive = tar(...types.map((type) => header({ name: type, type, size: 1000 })), file("end", "x"));
    expect(
      read(archive)
        .map(({ entry }) => [entry.type, entry.size, entry.storedSize])
        .slice(0, -1),
    ).toEqual(["hardlink", "symlink", "character", "block", "directory", "fifo"].map((type) => [type, 0, 0]));
    expect(namesOf(archive).at(-1)).toBe("end");
  });

  it("passes over global headers, volume names and lists of directories", () => {
    const data = padded(Buffer.from("18 path=/overridden\n"));
    const archive = tar(
      header({ name: "volume", type: "V" }),
      header({ name: "global", type: "g", size: 18 }),
      data,
      file("a", "1"),
      header({ name: "d", type: "D", size: 600 }),
      Buffer.alloc(1024, "Yb\0"),
      paxHeader({ path: "c" }),
      header({ name: "global", type: "g", size: 18 }),
      data,
      file("hidden", "2"),
    );
    expect(namesOf(archive)).toEqual(["a", "d", "c"]);
    // A global header may be as large as it likes: it is not kept.
    const large = Buffer.alloc(4 * 1024 * 1024, "x");
    expect(namesOf(tar(header({ name: "g", type: "g", size: large.length }), large, file("a")))).toEqual(["a"]);
  });

  it("lets the last header of a kind count, a GNU name before a pax path, and each for one entry only", () => {
    const plain = header({ name: "plain", type: "2", linkname: "target" });
    const paxes = [paxHeader({ path: "first", uid: "5" }), paxHeader({ path: "second" })];
    expect(readOne(tar(...paxes, plain)).entry).toMatchObject({ name: "second", uid: 0 });
    const both = [gnuLong("L", "gnu1"), gnuLong("L", "gnu2"), paxHeader({ path: "pax", linkpath: "paxlink" })];
    expect(readOne(tar(...both, gnuLong("K", "gnulink"), plain)).entry).toMatchObject({
      name: "gnu2",
      linkname: "gnulink",
    });
    expect(read(tar(...both, plain, plain)).map(({ entry }) => [entry.name, entry.linkname])).toEqual([
      ["gnu2", "paxlink"],
      ["plain", "target"],
    ]);
    expect(namesOf(tar(header({ name: "x", type: "X", size: 10 }), padded(Buffer.from("10 path=b\n")), plain))).toEqual(
      ["b"],
    );
  });

  it("keeps an entry's own name when a GNU name is empty", () => {
    const plain = header({ name: "plain", type: "2", linkname: "target" });
    const empty = header({ name: "././@LongLink", type: "L", size: 0, format: "gnu" });
    expect(readOne(tar(empty, gnuLong("L", ""), gnuLong("K", ""), plain)).entry).toMatchObject({
      name: "plain",
      linkname: "target",
    });
  });

  it("takes pax sizes for what is stored, and owners and times before the header's", () => {
    const archive = tar(
      paxHeader({ size: "600", uid: "4000000000", gid: "7", mtime: "-0.5" }),
      header({ name: "a", type: "0", size: 1, uid: 1, gid: 1, mtime: 1 }),
      Buffer.alloc(1024, "a"),
      file("b"),
    );
    const [a, b] = read(archive);
    expect(a?.entry).toMatchObject({ size: 600, uid: 4_000_000_000, gid: 7, mtimeSec: -1n, mtimeNsec: 500_000_000 });
    expect(b?.entry).toMatchObject({ name: "b", size: 0 });
  });

  it("shares one empty map among all entries without xattrs", () => {
    for (const { entry } of read(tar(file("a"), file("b", "", { pax: { mtime: "5" } })))) {
      expect(entry.xattrs).toBe(NO_XATTRS);
    }
  });
});

describe("the end of an archive", () => {
  const entry = file("a", "content");

  it("is two blocks of zeros, and everything behind them is raw", () => {
    for (const rest of [Buffer.alloc(0), zeros, Buffer.alloc(700), file("b", "behind"), Buffer.from("junk")]) {
      expect(namesOf(Buffer.concat([tar(entry), rest]))).toEqual(["a"]);
    }
    const reader = new TarReader({
      raw: () => undefined,
      entry: () => undefined,
      content: () => undefined,
      contentEnd: () => undefined,
    });
    const archive = tar(entry);
    reader.push(archive, 0, archive.length - 1);
    expect(reader.ended).toBe(false);
    reader.push(archive, archive.length - 1);
    expect(reader.ended).toBe(true);
  });

  it("may be missing, as Go takes it: with one block of zeros, with none, and without the last filling", () => {
    expect(namesOf(Buffer.concat([entry, zeros]))).toEqual(["a"]);
    expect(namesOf(entry)).toEqual(["a"]);
    expect(namesOf(entry.subarray(0, 512 + 7))).toEqual(["a"]);
    expect(namesOf(directory("d"))).toEqual(["d/"]);
    expect(namesOf(Buffer.alloc(0))).toEqual([]);
    expect(namesOf(Buffer.alloc(1024))).toEqual([]);
  });

  it("is no single block of zeros with more behind it: GNU tar stops there and Go fails", () => {
    for (const rest of [file("b"), Buffer.alloc(512, "junk")]) {
      expect(failureOf(Buffer.concat([entry, zeros, rest, zeros, zeros]))).toBe(
        "bad-format: tar: entry 2 at byte 1536: a lone block of zeros inside the archive",
      );
    }
  });

  it.each<[string, Buffer]>([
    ["a header", entry.subarray(0, 511)],
    ["content", entry.subarray(0, 512 + 6)],
    ["an extension header", paxHeader({ path: "a" }).subarray(0, 515)],
    ["the filling of an extension header", paxHeader({ path: "a" }).subarray(0, 1000)],
    ["what an extension header is about", paxHeader({ path: "a" })],
    [
      "what an extension header is about, a global header between",
      Buffer.concat([gnuLong("L", "a"), header({ name: "g", type: "g" })]),
    ],
    ["a global header", header({ name: "g", type: "g", size: 10 })],
    ["an old GNU map", sparseEntry("s", "old GNU", manyRuns(30)).subarray(0, 1024)],
    ["a 1.0 map", sparseEntry("s", "1.0", manyRuns(300)).subarray(0, -1024)],
  ])("inside of %s is an error", (_, archive) => {
    expect(failureOf(archive)).toBe("bad-format: tar: entry 1 at byte 0: the archive ends inside of the entry");
  });

  it("between an extension header and its entry is an error", () => {
    const expected = "bad-format: tar: entry 1 at byte 0: an extension header without its entry";
    expect(failureOf(tar(paxHeader({ path: "a" })))).toBe(expected);
    expect(failureOf(tar(paxHeader({ path: "a" }), header({ name: "g", type: "g" })))).toBe(expected);
  });
});

describe("skipped content", () => {
  /** Reads an archive from which the content of some entries was taken out. */
  function readSkipping(archive: Buffer, isSkipped: (name: string) => boolean, piece: number): [unknown[], number] {
    const calls: unknown[] = [];
    let skips = false;
    const reader = new TarReader({
      raw: () => undefined,
      content: (_, start, end) => calls.push(end - start),
      contentEnd: () => calls.push("end"),
      entry: (entry) => {
        calls.push([entry.name, entry.offset]);
        skips = isSkipped(entry.name) && entry.storedSize > 0;
        if (skips) reader.skipContent();
      },
    });
    for (let start = 0; start < archive.length; start += piece)
      reader.push(archive, start, Math.min(archive.length, start + piece));
    reader.finish();
    return [calls, reader.offset];
  }

  it("leaves offsets as they are in the whole archive", () => {
    const content = "x".repeat(1000);
    const sparse = sparseEntry("s", "1.0", manyRuns(600));
    const whole = tar(file("a", content), file("b", content), sparse, file("c"));
    const parts = [
      header({ name: "a", type: "0", size: 1000 }),
      Buffer.alloc(24),
      file("b", content),
      // Only the map and the filling.
      Buffer.concat([sparse.subarray(0, -1024), Buffer.alloc(1024 - 600)]),
      file("c"),
    ];
    const cut = tar(...parts);
    for (const piece of [1, 100, 10_000]) {
      const [calls, offset] = readSkipping(cut, (name) => name === "a" || name === "s", piece);
      expect(calls.filter((call) => typeof call !== "number")).toEqual([
        ["a", 0],
        "end",
        ["b", 1536],
        "end",
        ["s", 3072],
        "end",
        ["c", 3072 + sparse.length],
        "end",
      ]);
      expect(calls.reduce<number>((sum, call) => sum + (typeof call === "number" ? call : 0), 0)).toBe(1000);
      expect(offset).toBe(whole.length);
    }
  });

  it("is refused where no content begins", () => {
    const archive = tar(file("a", "content"));
    const ignore = {
      raw: () => undefined,
      entry: () => undefined,
      content: () => undefined,
      contentEnd: () => undefined,
    };
    const message = "tar: entry 1 at byte 0: content is skipped where none begins";
    expect(() => new TarReader(ignore).skipContent()).toThrow(message);
    const within = new TarReader(ignore);
    within.push(archive, 0, 515);
    expect(() => within.skipContent()).toThrow(message);
    const before = new TarReader(ignore);
    before.push(archive, 0, 511);
    expect(() => before.skipContent()).toThrow(message);
    const exact = new TarReader(ignore);
    exact.push(archive, 0, 512);
    exact.skipContent();
    expect(exact.offset).toBe(519);
  });
});

function manyRuns(count: number): SparseFile {
  return {
    segments: Array.from({ length: count }, (_, index) => ({ offset: 3 * index, length: 1 })),
    realSize: 3 * count + 5,
    stored: Buffer.from(Array.from({ length: count }, (_, index) => index & 0xff)),
  };
}

describe("sparse files", () => {
  const sparseFile: fc.Arbitrary<SparseFile> = fc
    .record({
      // GNU tar's own old maps end at a run that begins with NUL, so zero-length runs are only written at the end.
      pairs: fc.array(fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.uint8Array({ minLength: 1, maxLength: 600 })), {
        maxLength: 60,
      }),
      tail: fc.nat(5000),
      marksEnd: fc.boolean(),
    })
    .map(({ pairs, tail, marksEnd }) => {
      let position = 0;
      const segments = pairs.map(([hole, bytes]) => {
        const offset = position + hole;
        position = offset + bytes.length;
        return { offset, length: bytes.length };
      });
      const realSize = position + tail;
      if (marksEnd) segments.push({ offset: realSize, length: 0 });
      return { segments, realSize, stored: Buffer.concat(pairs.map(([, bytes]) => bytes)) };
    });

  it.each(sparseFormats)("of format %s give back their runs, in any pieces", (format) => {
    fc.assert(
      fc.property(sparseFile, fc.integer({ min: 1, max: 3000 }), (written, piece) => {
        const archive = tar(sparseEntry("dir/sparse", format, written), file("next", "x"));
        const [sparse, next] = read(archive, { pieces: [piece] });
        if (sparse === undefined) throw new Error("no entry");
        expect(sparse.entry).toMatchObject({ type: "regular", name: "dir/sparse", size: written.realSize });
        expect(sparse.entry.sparse).toEqual(written.segments.filter(({ length }) => length > 0));
        expect(sparse.stored).toEqual(written.stored);
        expect(sparse.entry.storedSize).toBe(written.stored.length);
        const content = expand(sparse);
        for (const [index, { offset, length }] of sparse.entry.sparse?.entries() ?? []) {
          const start = written.segments.slice(0, index).reduce((sum, run) => sum + run.length, 0);
          const stored = written.stored.subarray(start, start + length);
          expect(content.subarray(offset, offset + length).equals(stored)).toBe(true);
        }
        expect(next?.stored.toString()).toBe("x");
      }),
    );
  });

  it("may be one hole of a size that no memory has", () => {
    const hole: SparseFile = { segments: [], realSize: 2 ** 32, stored: Buffer.alloc(0) };
    for (const format of sparseFormats) {
      const { entry } = readOne(tar(sparseEntry("hole", format, hole)));
      expect([format, entry.size, entry.storedSize, entry.sparse]).toEqual([format, 2 ** 32, 0, []]);
    }
  });

  it("of an unknown pax format are refused: their content would be taken for the file", () => {
    for (const [major, minor] of [
      ["2", "0"],
      ["1", "1"],
      ["0", "2"],
    ] as const) {
      const records = { "GNU.sparse.major": major, "GNU.sparse.minor": minor, "GNU.sparse.realsize": "10" };
      expect(failureOf(tar(paxHeader(records), header({ name: "a", type: "0" })))).toBe(
        `unsupported: tar: entry 1 at byte 0: sparse format ${major}.${minor}`,
      );
    }
  });

  it("are not what only has a number of blocks", () => {
    expect(readOne(tar(paxHeader({ "GNU.sparse.numblocks": "0" }), file("a", "x"))).entry.sparse).toBeUndefined();
  });

  it("say their expanded size", () => {
    expect(failureOf(tar(paxHeader({ "GNU.sparse.map": "0,1" }), file("a", "x")))).toMatch(
      /without its expanded size$/,
    );
    const unpaired = paxHeader({ "GNU.sparse.size": "5", "GNU.sparse.offset": "1" });
    expect(failureOf(tar(unpaired, file("a", "x")))).toMatch(/offset without a length$/);
  });

  it("with a type byte of their own but no map are empty or refused", () => {
    const block = header({ name: "s", type: "S", size: 0, format: "gnu" });
    expect(readOne(tar(block)).entry).toMatchObject({ type: "regular", size: 0, sparse: [] });
    expect(
      failureOf(tar(seal(header({ name: "s", type: "S", size: 5, format: "gnu" })), padded(Buffer.alloc(5)))),
    ).toBe("bad-format: tar: entry 1 at byte 0: sparse map of 0 bytes where the archive holds 5");
  });
});
