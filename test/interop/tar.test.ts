// Layer tars as GNU tar and bsdtar write them, against the files they were made of; and archives of ours as GNU tar, bsdtar
// and Python read them.

import {
  closeSync,
  type Dirent,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { tar as tarOf } from "../../oci-fixtures/tar-builder.ts";
import type { TarEntry } from "../../src/format/tar/entry.ts";
import { TarReader } from "../../src/format/tar/reader.ts";
import { archivedEntry, smallArchives } from "../format/tar/archives.ts";
import { expand, type RecordedEntry, read, readOne, utf8, xattrsOf } from "../format/tar/recorder.ts";
import { hostTool, need, type Tool, titled } from "./tools.ts";

const gnuTar = hostTool("tar");
const bsdtar = hostTool("bsdtar");
const python = hostTool("python3");
const setfattr = hostTool("setfattr");
const mkfifo = hostTool("mkfifo");

const work = mkdtempSync(path.join(tmpdir(), "oci2cfs-tar-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));

function run(program: Tool | undefined, args: readonly string[], input?: Buffer): Buffer {
  if (program === undefined) throw new Error("the test should have been skipped");
  const { status, stdout, stderr } = program.run(args, input);
  if (status !== 0) throw new Error(`${program.name} ${args.join(" ")}: ${stderr}`);
  return stdout;
}

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

/** A directory with one of each, and names that no short header holds unless all of them must. */
function makeTree(name: string, { short }: { short: boolean }): string {
  const root = path.join(work, name);
  const at = (relative: string): Buffer => Buffer.concat([bytes(`${root}/`), bytes(relative)]);
  mkdirSync(root);
  mkdirSync(at("dir"));
  mkdirSync(at("dir/sub"), { mode: 0o700 });
  writeFileSync(at("empty"), "");
  writeFileSync(at("dir/one"), "1", { mode: 0o4755 });
  writeFileSync(at("dir/sub/block"), Buffer.alloc(512, "b"), { mode: 0o600 });
  writeFileSync(at("dir/sub/more"), Buffer.alloc(10_001, "m"));
  writeFileSync(at("not utf-8: \xff\xfe\x80, with\nnewline"), "x");
  linkSync(at("dir/one"), at("hard"));
  symlinkSync("dir/../nowhere", at("symlink"));
  symlinkSync(bytes("\xff"), at("dangling"));
  run(mkfifo.found, [`${root}/fifo`]);
  if (!short) {
    const long = Array.from({ length: 4 }, (_, index) => `${index}`.repeat(90));
    mkdirSync(at(long.join("/")), { recursive: true });
    writeFileSync(at(`${long.join("/")}/file`), "deep");
    writeFileSync(at("n".repeat(200)), "long");
    symlinkSync("l".repeat(300), at("long-link"));
    linkSync(at("n".repeat(200)), at("hard-long"));
  }
  utimesSync(at("empty"), 1, 1_234_567_890.5);
  utimesSync(at("dir/one"), 1, 0x7fffffff);
  return root;
}

const typeOf = (entry: Dirent<Buffer>): TarEntry["type"] => {
  if (entry.isDirectory()) return "directory";
  if (entry.isSymbolicLink()) return "symlink";
  return entry.isFIFO() ? "fifo" : "regular";
};

interface Shown {
  readonly name: string;
  readonly type: string;
  readonly mode: number;
  readonly owner: readonly number[];
  readonly mtime: string;
  readonly linkname: string;
  readonly content: Buffer | undefined;
}

/** What the file system says, by name; of files with several names each is shown as the file. */
function showFiles(root: string, { nanoseconds }: { nanoseconds: boolean }): Map<string, Shown> {
  const shown = new Map<string, Shown>();
  const visit = (relative: Buffer): void => {
    for (const entry of readdirSync(Buffer.concat([bytes(`${root}/`), relative]), {
      withFileTypes: true,
      encoding: "buffer",
    })) {
      const below = relative.length === 0 ? entry.name : Buffer.concat([relative, bytes("/"), entry.name]);
      const full = Buffer.concat([bytes(`${root}/`), below]);
      const stat = lstatSync(full, { bigint: true });
      const type = typeOf(entry);
      shown.set(below.toString("latin1"), {
        name: below.toString("latin1"),
        type,
        mode: Number(stat.mode & 0o7777n),
        owner: [Number(stat.uid), Number(stat.gid)],
        mtime: `${stat.mtimeNs / 1_000_000_000n}.${nanoseconds ? stat.mtimeNs % 1_000_000_000n : 0n}`,
        linkname: type === "symlink" ? readlinkSync(full, "buffer").toString("latin1") : "",
        content: type === "regular" ? readFileSync(full) : undefined,
      });
      if (type === "directory") visit(below);
    }
  };
  visit(Buffer.alloc(0));
  return shown;
}

/** The same of an archive's entries, hard links resolved. */
function showEntries(entries: readonly RecordedEntry[]): Map<string, Shown> {
  const shown = new Map<string, Shown>();
  const clean = (name: string): string => name.replace(/^\.\//, "").replace(/\/$/, "");
  for (const recorded of entries) {
    const { entry } = recorded;
    const name = clean(entry.name);
    if (name === "" || name === ".") continue;
    if (entry.type === "hardlink") {
      const target = shown.get(clean(entry.linkname));
      if (target === undefined) throw new Error(`${name} is a link to ${entry.linkname}, which is not there`);
      shown.set(name, { ...target, name });
      continue;
    }
    shown.set(name, {
      name,
      type: entry.type,
      mode: entry.mode,
      owner: [entry.uid, entry.gid],
      mtime: `${entry.mtimeSec}.${entry.mtimeNsec}`,
      linkname: entry.linkname,
      content: entry.type === "regular" ? expand(recorded) : undefined,
    });
  }
  return shown;
}

const sorted = (shown: Map<string, Shown>): Shown[] => [...shown.values()].sort((a, b) => (a.name < b.name ? -1 : 1));

const gnuFormats = ["v7", "oldgnu", "gnu", "ustar", "posix"] as const;
const bsdFormats = ["ustar", "pax", "gnutar"] as const;

describe.skipIf(gnuTar.skip !== undefined || mkfifo.skip !== undefined)(titled("GNU tar", gnuTar, mkfifo), () => {
  it.each(gnuFormats)("writes the format %s, and we read the files it was made of", (format) => {
    const root = makeTree(`gnu-${format}`, { short: format === "v7" || format === "ustar" });
    // v7 has no type for a fifo.
    const options = format === "v7" ? ["--exclude=./fifo"] : [];
    const archive = run(gnuTar.found, [...options, `--format=${format}`, "-cf", "-", "-C", root, "."]);
    const entries = read(archive);
    expect(entries.filter(({ entry }) => entry.type === "hardlink").length).toBeGreaterThan(0);
    const files = showFiles(root, { nanoseconds: format === "posix" });
    if (format === "v7") files.delete("fifo");
    expect(sorted(showEntries(entries))).toEqual(sorted(files));
    // In other pieces as well, such as a pipe gives.
    expect(read(archive, { pieces: [10_240, 1, 4096] })).toEqual(entries);
  });

  it.each(["gnu", "oldgnu", "posix"])("declares more than 8 GiB in the format %s", (format) => {
    const size = 9 * 2 ** 30 + 5;
    const file = path.join(work, `large-${format}`);
    const fd = openSync(file, "w");
    ftruncateSync(fd, size);
    closeSync(fd);
    const entries: TarEntry[] = [];
    const ignore = { raw: () => undefined, content: () => undefined, contentEnd: () => undefined };
    const reader = new TarReader({ ...ignore, entry: (entry) => entries.push(entry) });
    const script = `tar --format=${format} -cf - -C "${work}" large-${format} 2>/dev/null | head -c 4096`;
    reader.push(gnuTar.found?.shell(script).stdout ?? Buffer.alloc(0));
    expect(entries).toEqual([expect.objectContaining({ name: `large-${format}`, size, storedSize: size })]);
  });
});

describe.skipIf(bsdtar.skip !== undefined || mkfifo.skip !== undefined)(titled("bsdtar", bsdtar, mkfifo), () => {
  it.each(bsdFormats)("writes the format %s, and we read the files it was made of", (format) => {
    const root = makeTree(`bsd-${format}`, { short: format === "ustar" });
    const archive = run(bsdtar.found, [`--format=${format}`, "-cf", "-", "-C", root, "."]);
    const entries = read(archive);
    const files = showFiles(root, { nanoseconds: format === "pax" });
    expect(sorted(showEntries(entries))).toEqual(sorted(files));
    expect(read(archive, { pieces: [10_240, 1, 4096] })).toEqual(entries);
  });
});

/** A file of `runs` pieces of data with holes between and behind them. */
function makeSparse(name: string, runs: number): string {
  const file = path.join(work, name);
  const fd = openSync(file, "w");
  for (let run = 0; run < runs; run++) {
    writeSync(fd, Buffer.alloc(4096 + run, 65 + (run % 26)), 0, 4096 + run, 65_536 * (2 * run + 1));
  }
  ftruncateSync(fd, 65_536 * (2 * runs + 1) + 77);
  closeSync(fd);
  return file;
}

const sparseWays: readonly (readonly [way: string, options: readonly string[]])[] = [
  ["gnu", ["--format=gnu"]],
  ["oldgnu", ["--format=oldgnu"]],
  ["posix 0.0", ["--format=posix", "--sparse-version=0.0"]],
  ["posix 0.1", ["--format=posix", "--sparse-version=0.1"]],
  ["posix 1.0", ["--format=posix", "--sparse-version=1.0"]],
];

describe.skipIf(gnuTar.skip !== undefined)(titled("sparse files of GNU tar", gnuTar), () => {
  it.each(sparseWays)("in the format %s expand to the file", (way, options) => {
    for (const runs of [0, 1, 4, 5, 60]) {
      const name = `sparse-${way}-${runs}`;
      const file = makeSparse(name, runs);
      const args = [...options, "--sparse", "--hole-detection=raw", "-cf", "-", "-C", work, name];
      const archive = run(gnuTar.found, args);
      const recorded = readOne(archive, { pieces: [777] });
      expect(recorded.entry).toMatchObject({ name, type: "regular" });
      expect(recorded.entry.sparse?.length).toBe(runs);
      expect(recorded.entry.storedSize).toBeLessThanOrEqual(runs * 8192);
      expect(expand(recorded).equals(readFileSync(file))).toBe(true);
      rmSync(file);
    }
  });
});

describe.skipIf(bsdtar.skip !== undefined)(titled("sparse files of bsdtar", bsdtar), () => {
  it("expand to the file", () => {
    const file = makeSparse("sparse-bsd", 10);
    const recorded = readOne(run(bsdtar.found, ["--format=pax", "-cf", "-", "-C", work, "sparse-bsd"]));
    expect(recorded.entry).toMatchObject({ name: "sparse-bsd", type: "regular" });
    expect(expand(recorded).equals(readFileSync(file))).toBe(true);
  });
});

const xattrs = {
  "user.binary": "00010a3dff0d0a00",
  "user.text": Buffer.from("value").toString("hex"),
  "user.all": Buffer.from(Array.from({ length: 256 }, (_, index) => index)).toString("hex"),
  "user.utf-8: ü": "c3bc",
};

/** A file with xattrs, or why there is none. */
function makeXattrs(): { readonly skip: string | undefined } {
  if (setfattr.found === undefined) return setfattr;
  const file = path.join(work, "xattrs");
  writeFileSync(file, "content");
  const statuses = Object.entries(xattrs).map(
    ([name, value]) => setfattr.found.run(["-n", name, "-v", `0x${value}`, file]).status,
  );
  return need(
    statuses.every((status) => status === 0),
    `no user xattrs in ${tmpdir()}`,
  );
}

/** By their names in bytes. */
const expectedXattrs = Object.fromEntries(Object.entries(xattrs).map(([name, value]) => [utf8(name), value]));

const canHaveXattrs = makeXattrs();

describe.skipIf(canHaveXattrs.skip !== undefined)(titled("xattrs", canHaveXattrs), () => {
  it.skipIf(gnuTar.skip !== undefined)(titled("of GNU tar are read byte for byte", gnuTar), () => {
    const args = ["--xattrs", "--xattrs-include=*", "--format=posix", "-cf", "-", "-C", work, "xattrs"];
    expect(xattrsOf(readOne(run(gnuTar.found, args)))).toMatchObject(expectedXattrs);
  });

  it.skipIf(bsdtar.skip !== undefined)(titled("of bsdtar are read byte for byte", bsdtar), () => {
    const args = ["--xattrs", "--format=pax", "-cf", "-", "-C", work, "xattrs"];
    const archive = run(bsdtar.found, args);
    // It writes what is not ASCII with percent signs, which podman takes as they stand.
    const { "user.utf-8: ü": unusual, ...plain } = xattrs;
    expect(xattrsOf(readOne(archive))).toMatchObject({ ...plain, "user.utf-8:%20%C3%BC": unusual });
    // The base64 form alone keeps the names: without the raw one, of which nothing is left but a comment.
    const text = archive.toString("latin1").replaceAll("SCHILY.xattr.", "comment......");
    expect(xattrsOf(readOne(Buffer.from(text, "latin1")))).toMatchObject(expectedXattrs);
  });
});

/** Prints one JSON array for each entry, names as hex. */
const listing = `
import io, json, sys, tarfile
raw = lambda text: text.encode("utf-8", "surrogateescape").hex()
archive = tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read()), encoding="utf-8", errors="surrogateescape")
for it in archive:
    kind = "directory" if it.isdir() else "symlink" if it.issym() else "hardlink" if it.islnk() else "fifo" if it.isfifo() \\
        else "character" if it.ischr() else "block" if it.isblk() else "regular" if it.isreg() else "other"
    content = archive.extractfile(it).read().hex() if it.isreg() and it.size < 1 << 20 else None
    print(json.dumps([raw(it.name), kind, it.size if it.isreg() else 0, it.mode, it.uid, it.gid, it.mtime, raw(it.linkname), content]))
`;

type Listed = [string, string, number, number, number, number, number, string, string | null];

function listWithPython(archive: Buffer): Listed[] {
  const lines = run(python.found, ["-c", listing], archive).toString("utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as Listed);
}

function listOurs(archive: Buffer): Listed[] {
  return read(archive).map((recorded) => {
    const { entry } = recorded;
    // Python takes slashes away from the end of directories' names and pax paths.
    const name = bytes(entry.name.replace(/\/+$/, "")).toString("hex");
    const content = entry.type === "regular" ? expand(recorded).toString("hex") : null;
    const mtime = Number(entry.mtimeSec) + entry.mtimeNsec / 1e9;
    const linkname = bytes(entry.linkname).toString("hex");
    return [name, entry.type, entry.size, entry.mode, entry.uid, entry.gid, mtime, linkname, content];
  });
}

/** Python has no name for the type of a GNU dumpdir, and bsdtar prints no pax path that is not UTF-8. */
const smallArchivesBut = (left: string): [string, Buffer][] =>
  Object.entries(smallArchives()).filter(([name]) => name !== left);

const withoutTime = (listed: Listed[]): unknown[] => listed.map((entry) => entry.toSpliced(6, 1));

describe.skipIf(python.skip !== undefined)(titled("Python's tarfile", python), () => {
  it("lists the same entries of archives that we make", () => {
    const drawn = fc.sample(archivedEntry, { numRuns: 300, seed: 1 });
    const archive = tarOf(
      ...drawn.filter(({ expected: { name } }) => !/\/$/.test(name)).map(({ bytes: entryBytes }) => entryBytes),
    );
    const theirs = listWithPython(archive);
    const ours = listOurs(archive);
    expect(withoutTime(ours)).toEqual(withoutTime(theirs));
    for (const [index, entry] of ours.entries()) expect(entry[6]).toBeCloseTo(theirs[index]?.[6] ?? Number.NaN, 3);
  });

  it.each(smallArchivesBut("dumpdir"))("lists the same entries of a small archive, %s", (_, archive) => {
    expect(withoutTime(listOurs(archive))).toEqual(withoutTime(listWithPython(archive)));
  });
});

describe.skipIf(gnuTar.skip !== undefined)(titled("GNU tar", gnuTar), () => {
  it.each(Object.entries(smallArchives()))("lists the same names of a small archive, %s", (_, archive) => {
    const listed = run(gnuTar.found, ["--quoting-style=literal", "-tf", "-"], archive).toString("latin1");
    expect(read(archive).map(({ entry }) => `${entry.name}\n`)).toEqual(listed.match(/.*\n/g));
  });
});

describe.skipIf(bsdtar.skip !== undefined)(titled("bsdtar", bsdtar), () => {
  it.each(smallArchivesBut("pax"))("lists the same names of a small archive, %s", (_, archive) => {
    const listed = run(bsdtar.found, ["-tf", "-"], archive).toString("latin1");
    const names = read(archive).map(({ entry }) => `${entry.name.replaceAll("\xff", "\\377")}\n`);
    expect(names).toEqual(listed.match(/.*\n/g));
  });
});
