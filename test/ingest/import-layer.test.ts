import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { compressLayer } from "../../oci-fixtures/compress.ts";
import { directory, file, hardlink, header, padded, paxHeader, symlink, tar } from "../../oci-fixtures/tar-builder.ts";
import type { OciDigest, VerityDigest } from "../../src/format/digest.ts";
import { verityDigest } from "../../src/format/verity.ts";
import type { ObjectFile, ObjectSink } from "../../src/ingest/content.ts";
import { type ImportedLayer, importLayer } from "../../src/ingest/import-layer.ts";
import { readLayer } from "../../src/ingest/read-layer.ts";
import { readStream } from "../../src/store/streams.ts";

const work = mkdtempSync(path.join(tmpdir(), "oci2cfs-import-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));

const digestOf = (bytes: Buffer): OciDigest =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}` as OciDigest;

/** An object store in memory that measures what it is given. */
class MemorySink implements ObjectSink {
  readonly objects = new Map<VerityDigest, Buffer>();
  open = 0;

  put(content: Buffer, digest: VerityDigest): void {
    expect(verityDigest(content, "sha256")).toBe(digest);
    this.objects.set(digest, Buffer.from(content));
  }

  create(): ObjectFile {
    this.open++;
    const pieces: Buffer[] = [];
    return {
      write: (buffer, start, end) => pieces.push(Buffer.from(buffer.subarray(start, end))),
      skip: (count) => pieces.push(Buffer.alloc(count)),
      commit: (digest) => {
        this.open--;
        this.put(Buffer.concat(pieces), digest);
      },
      discard: () => {
        this.open--;
      },
    };
  }
}

interface Blob {
  blob: Buffer;
  compression: "none" | "gzip" | "zstd";
  size?: number;
  digest?: OciDigest;
  diffId: OciDigest;
}

let blobs = 0;

async function importBlob({ blob, compression, diffId, ...claims }: Blob, sink: MemorySink): Promise<ImportedLayer> {
  const file = path.join(work, `blob-${++blobs}`);
  writeFileSync(file, blob);
  try {
    const size = claims.size ?? blob.length;
    const digest = claims.digest ?? digestOf(blob);
    const layer = { blob: { path: file, offset: 0, size: blob.length }, digest, size, compression, diffId };
    return await importLayer({ ...layer, algorithm: "sha256" }, sink, () => undefined);
  } finally {
    rmSync(file);
  }
}

function importTar(archive: Buffer, sink: MemorySink): Promise<ImportedLayer> {
  return importBlob({ blob: archive, compression: "none", diffId: digestOf(archive) }, sink);
}

function rebuild(layer: ImportedLayer, sink: MemorySink): Buffer {
  const pieces: Buffer[] = [];
  readStream(Buffer.concat(layer.record), {
    begin: () => undefined,
    inline: (buffer, start, end) => pieces.push(Buffer.from(buffer.subarray(start, end))),
    external: (digest) => pieces.push(sink.objects.get(digest) as Buffer),
  });
  return Buffer.concat(pieces);
}

function contentsOf(layer: ImportedLayer, sink: MemorySink): Map<string, Buffer | undefined> {
  const contents = new Map<string, Buffer | undefined>();
  readLayer(Buffer.concat(layer.record), (entry, content) => {
    const bytes =
      content === undefined
        ? undefined
        : "inline" in content
          ? Buffer.from(content.inline, "latin1")
          : sink.objects.get(content.external);
    contents.set(entry.name, bytes);
  });
  return contents;
}

const random = (size: number): Buffer => {
  const block = createHash("sha512").update(String(size)).digest();
  return Buffer.alloc(size, block);
};

const mixed = tar(
  directory("usr"),
  file("usr/empty", ""),
  file("usr/64", random(64)),
  file("usr/65", random(65)),
  file("usr/4097", random(4097)),
  file("usr/again", random(4097)),
  file("usr/large", random(3_000_001)),
  hardlink("usr/link", "usr/4097"),
  symlink("usr/sym", "64"),
);

describe("a layer", () => {
  it.each(["none", "gzip", "gzip-members", "zstd", "zstd-frames", "zstd:chunked"] as const)(
    "is rebuilt bit for bit from its record, %s",
    async (compression) => {
      const sink = new MemorySink();
      const codec = compression.startsWith("gzip") ? "gzip" : compression === "none" ? "none" : "zstd";
      const blob = compressLayer(mixed, compression);
      const layer = await importBlob({ blob, compression: codec, diffId: digestOf(mixed) }, sink);
      expect(rebuild(layer, sink).equals(mixed)).toBe(true);
      expect(layer).toMatchObject({ entries: 9, tarSize: mixed.length });
      expect(sink.objects.size).toBe(3);
    },
  );

  it("gives back entries and contents without the blob", async () => {
    const sink = new MemorySink();
    const contents = contentsOf(await importTar(mixed, sink), sink);
    expect(contents.get("usr/64")).toEqual(random(64));
    expect(contents.get("usr/large")?.equals(random(3_000_001))).toBe(true);
    expect(contents.get("usr/empty")).toBeUndefined();
    expect([...contents.keys()]).toHaveLength(9);
  });

  it("keeps bytes behind the end of the archive", async () => {
    const sink = new MemorySink();
    const archive = Buffer.concat([mixed, Buffer.alloc(10_240), Buffer.from("left over")]);
    expect(rebuild(await importTar(archive, sink), sink).equals(archive)).toBe(true);
  });

  it("of any files is rebuilt, and its contents are right", async () => {
    const files = fc.array(fc.record({ size: fc.oneof(fc.nat(200), fc.nat(20_000)), seed: fc.nat(5) }), {
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(files, async (list) => {
        const sink = new MemorySink();
        const archive = tar(...list.map(({ size, seed }, index) => file(`f${index}`, Buffer.alloc(size, `${seed}.`))));
        const layer = await importTar(archive, sink);
        expect(rebuild(layer, sink).equals(archive)).toBe(true);
        const contents = contentsOf(layer, sink);
        for (const [index, { size, seed }] of list.entries()) {
          expect(contents.get(`f${index}`)?.equals(Buffer.alloc(size, `${seed}.`)) ?? size === 0).toBe(true);
        }
      }),
      { numRuns: 40 },
    );
  });
});

/** A sparse file in pax format 0.1: a map in the header, stored runs as content. */
function sparseFile(name: string, segments: readonly [number, Buffer][], realSize: number): Buffer {
  const stored = Buffer.concat(segments.map(([, bytes]) => bytes));
  const map = segments.map(([offset, bytes]) => `${offset},${bytes.length}`).join(",");
  const records = { "GNU.sparse.size": String(realSize), "GNU.sparse.map": map, "GNU.sparse.name": name };
  return Buffer.concat([
    paxHeader(records),
    header({ name: "sparse", type: "0", size: stored.length }),
    padded(stored),
  ]);
}

function expand(segments: readonly [number, Buffer][], realSize: number): Buffer {
  const content = Buffer.alloc(realSize);
  for (const [offset, bytes] of segments) bytes.copy(content, offset);
  return content;
}

describe("a sparse file", () => {
  const cases: [string, [number, Buffer][], number][] = [
    ["of a few bytes", [[3, Buffer.from("abc")]], 10],
    ["with few stored bytes", [[5000, Buffer.from("abc")]], 100_000],
    [
      "with many",
      [
        [0, random(100)],
        [8192, random(5000)],
        [2_000_000, random(70)],
      ],
      3_000_000,
    ],
    ["of one hole", [], 50_000],
  ];
  it.each(cases)("%s is expanded, and the tar rebuilt", async (_, segments, realSize) => {
    const sink = new MemorySink();
    const archive = tar(sparseFile("s", segments, realSize));
    const layer = await importTar(archive, sink);
    expect(rebuild(layer, sink).equals(archive)).toBe(true);
    expect(contentsOf(layer, sink).get("s")?.equals(expand(segments, realSize))).toBe(true);
    expect(sink.open).toBe(0);
  });
});

describe("a layer that is not what it claims", () => {
  const good: Blob = { blob: compressLayer(mixed, "gzip"), compression: "gzip", diffId: digestOf(mixed) };
  const other = digestOf(Buffer.from("other"));
  const cases: [string, Blob, string, RegExp][] = [
    ["a wrong blob digest", { ...good, digest: other }, "digest-mismatch", /^blob: expected sha256:.*, got sha256:/],
    ["a wrong diffID", { ...good, diffId: other }, "digest-mismatch", /^diffID of the tar: expected/],
    ["a size too small", { ...good, size: good.blob.length - 1 }, "digest-mismatch", /expected \d+ bytes, got \d+/],
    ["a size too large", { ...good, size: good.blob.length + 1 }, "digest-mismatch", /expected \d+ bytes, got \d+/],
    ["another compression", { ...good, compression: "zstd" }, "bad-format", /^zstd: /],
    [
      "no tar",
      { blob: Buffer.alloc(2048, "x"), compression: "none", diffId: other },
      "bad-format",
      /^tar: entry 1 at byte 0: /,
    ],
    [
      "a cut blob with its old digest",
      { ...good, blob: good.blob.subarray(0, 500), size: 500, digest: digestOf(good.blob) },
      "digest-mismatch",
      /^blob: expected/,
    ],
  ];
  it.each(cases)("%s", async (_, blob, code, message) => {
    const sink = new MemorySink();
    await expect(importBlob(blob, sink)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(sink.open).toBe(0);
  });

  it("leaves no open object at whatever byte it is cut", async () => {
    const archive = tar(file("a", random(2_000_000)), sparseFile("s", [[10, random(3000)]], 1e6));
    for (const at of [1, 511, 512, 600, 1_500_000, 2_000_512, 2_001_000, 2_002_600, 2_003_000, 2_005_000]) {
      const sink = new MemorySink();
      const blob = archive.subarray(0, at);
      await expect(importBlob({ blob, compression: "none", diffId: digestOf(archive) }, sink)).rejects.toThrow();
      expect(sink.open).toBe(0);
    }
  });
});
