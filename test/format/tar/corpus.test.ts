// Archives from the test suites of Go and tar-stream, when they lie beside the checkout, against what GNU tar, bsdtar and
// Python make of them: everything that all three accept is accepted, with the same entries.

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { decompress } from "zstd-napi";
import { Oci2cfsError } from "../../../src/errors.ts";
import { expand, type RecordedEntry, read, readOne, record, utf8, xattrsOf } from "./recorder.ts";

const corpora = path.resolve(import.meta.dirname, "../../../../shared/corpora");
const matrixFile = path.join(corpora, "tar-accept-matrix.tsv");
const isHere = existsSync(matrixFile);
const title = isHere ? "archives of other projects" : "archives of other projects (skipped: no ../shared/corpora)";

function load(name: string): Buffer {
  const bytes = readFileSync(path.join(corpora, name));
  if (/gz$/.test(name)) return gunzipSync(bytes);
  return /zst$/.test(name) ? decompress(bytes) : bytes;
}

interface MatrixRow {
  readonly file: string;
  /** How many entries each tool lists, of those that accept the archive: GNU tar, bsdtar, Python. */
  readonly counts: readonly number[];
  /** How many entries of each type there are, as Python sees it: `0`, `NUL`, `sparse`, `D`, `1` and so on. */
  readonly types: ReadonlyMap<string, number>;
}

function readMatrix(): MatrixRow[] {
  if (!isHere) return [];
  const lines = readFileSync(matrixFile, "utf8").trimEnd().split("\n").slice(1);
  return lines.map((line) => {
    const [file = "", , gnuStatus, gnu, bsdStatus, bsd, python, pythonCount, types = ""] = line.split("\t");
    const counts = [gnuStatus === "0" ? gnu : "", bsdStatus === "0" ? bsd : "", python === "ok" ? pythonCount : ""];
    return {
      file,
      counts: counts.filter((count) => count !== "").map(Number),
      types: new Map(
        types.split(",").map((type) => [type.split("=")[0] ?? "", Number(type.split("=")[1] ?? 0)] as const),
      ),
    };
  });
}

// Nothing unpacks bzip2 here.
const matrix = readMatrix().filter(({ file }) => !file.endsWith(".bz2"));

/** The same types, counted as we name them. */
function typesOf({ types }: MatrixRow): Record<string, number> {
  const of = (...names: string[]): number => names.reduce((sum, name) => sum + (types.get(name) ?? 0), 0);
  return {
    regular: of("0", "NUL", "7"),
    sparse: of("sparse"),
    hardlink: of("1"),
    symlink: of("2"),
    character: of("3"),
    block: of("4"),
    directory: of("5", "D"),
    fifo: of("6"),
  };
}

function countTypes(entries: readonly RecordedEntry[]): Record<string, number> {
  const names = ["regular", "sparse", "hardlink", "symlink", "character", "block", "directory", "fifo"];
  const typeOf = ({ entry }: RecordedEntry): string => (entry.sparse === undefined ? entry.type : "sparse");
  return Object.fromEntries(names.map((name) => [name, entries.filter((entry) => typeOf(entry) === name).length]));
}

const accepted = matrix.filter(({ counts }) => counts.length === 3);
const refused = matrix.filter(({ counts }) => counts.length === 0);
const disputed = matrix.filter(({ counts }) => counts.length === 1 || counts.length === 2);

describe.skipIf(!isHere)(title, () => {
  it("are enough to mean something", () => {
    expect([accepted.length, refused.length, disputed.length]).toEqual([45, 10, 9]);
  });

  it.each(accepted)("$file is accepted by all, and by us with the same entries", (row) => {
    const entries = read(load(row.file));
    expect(row.counts).toEqual(row.counts.map(() => entries.length));
    expect(countTypes(entries)).toEqual(typesOf(row));
  });

  // Only the filling behind its last file is missing, which Go takes.
  const mended = "tar-stream-fixtures/incomplete.tar";

  it.each(refused.filter(({ file }) => file !== mended))("$file is refused by all", ({ file }) => {
    expect(record(load(file)).error).toBeInstanceOf(Oci2cfsError);
  });

  it("one lacks filling at its end, and nothing else", () => {
    expect(read(load(mended)).map(({ stored }) => stored.toString())).toEqual(["i am file-1\n"]);
  });

  /** Where tools disagree we do as Go's archive/tar, and so podman and umoci: the number of entries, or why there are none. */
  const judged: Record<string, number | RegExp> = {
    "go-archive-tar/gnu-multi-hdrs.tar": 1,
    "go-archive-tar/gnu-nil-sparse-data.tar": 1,
    "go-archive-tar/hdr-only.tar": 16,
    "go-archive-tar/pax-bad-mtime-file.tar": /is not a time$/,
    "go-archive-tar/pax-global-records.tar": 4,
    "go-archive-tar/pax-multi-hdrs.tar": 1,
    "go-archive-tar/pax-nil-sparse-data.tar": 1,
    "go-archive-tar/pax-nul-xattrs.tar": /has a NUL$/,
    "go-archive-tar/pax-path-hdr.tar": /ends inside of the entry$/,
  };

  it.each(disputed)("$file is judged as Go does", ({ file }) => {
    const verdict = judged[file];
    if (typeof verdict === "number") {
      expect(read(load(file))).toHaveLength(verdict);
    } else {
      const { error } = record(load(file));
      expect(error instanceof Oci2cfsError && error.message).toMatch(verdict ?? /^$/);
    }
  });

  it("of the last of several headers only the last counts", () => {
    for (const name of ["gnu-multi-hdrs", "pax-multi-hdrs"]) {
      const { entry } = readOne(load(`go-archive-tar/${name}.tar`));
      expect(entry).toMatchObject({ type: "symlink", linkname: expect.stringMatching(/^(GNU4|PAX4)\//) });
    }
  });

  it("global headers change nothing", () => {
    const entries = read(load("go-archive-tar/pax-global-records.tar"));
    expect(entries.map(({ entry }) => [entry.name, entry.mtimeSec])).toEqual([
      ["file1", 0n],
      ["file2", 0n],
      ["file3", 0n],
      ["file4", 1_400_000_000n],
    ]);
  });

  it("all four sparse formats expand to the same bytes", () => {
    const entries = read(load("go-archive-tar/sparse-formats.tar"));
    const sums = entries.map((entry) => createHash("md5").update(expand(entry)).digest("hex"));
    // As Go's own test has them.
    const sparse = "6f53234398c2449fe67c1812d993012f";
    expect(sums).toEqual([sparse, sparse, sparse, sparse, "b0061974914468de549a2af8ced10316"]);
  });

  it("xattrs, times and names are bytes", () => {
    const [small] = read(load("go-archive-tar/xattrs.tar"));
    if (small === undefined) throw new Error("no entry");
    expect(xattrsOf(small)).toEqual({
      "user.key": Buffer.from("value").toString("hex"),
      "user.key2": Buffer.from("value2").toString("hex"),
      "security.selinux": Buffer.from("unconfined_u:object_r:default_t:s0\0").toString("hex"),
    });
    expect([small.entry.mtimeSec, small.entry.mtimeNsec]).toEqual([1_386_065_770n, 448_252_320]);
    expect(readOne(load("go-archive-tar/gnu-not-utf8.tar")).entry.name).toBe("hi\x80\x81\x82\x83bye");
    expect(readOne(load("go-archive-tar/gnu-utf8.tar")).entry.name).toBe(utf8("☺☻☹".repeat(18)));
    const large = readOne(load("tar-stream-fixtures/base-256-uid-gid.tar")).entry;
    expect([large.uid, large.gid]).toEqual([116_435_139, 1_876_110_778]);
  });

  it("operating systems are read to their end", () => {
    const example = read(load("ostree-ext/exampleos.tar.zst"));
    expect(example.map(({ entry }) => entry.name)).toContain("./usr/lib/modules/5.10.18-200.x86_64/vmlinuz");
    const links = read(load("ostree-ext/hlinks.tar.gz"));
    expect(links.filter(({ entry }) => entry.type === "hardlink").length).toBeGreaterThan(0);
    for (const { entry } of [...example, ...links]) expect(entry.mtimeSec > 1_500_000_000n).toBe(true);
  });
});
