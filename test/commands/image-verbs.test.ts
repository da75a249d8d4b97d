// mkfs, dump, measure and ls as users run them: what they print, what they leave behind, and how they fail.

import { spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as tar from "../../oci-fixtures/tar-builder.ts";
import { digestOf, LayoutBuilder, types } from "../source/layout-builder.ts";

const cli = path.join(import.meta.dirname, "../../dist/src/cli.js");
const vectors = path.join(import.meta.dirname, "../vectors");
const work = mkdtempSync(path.join(tmpdir(), "oci2cfs-image-verbs-"));

afterAll(() => rmSync(work, { recursive: true, force: true }));

interface Run {
  status: number | null;
  stdout: string;
  stderr: string;
}

function oci2cfs(args: readonly string[], input: Buffer = Buffer.alloc(0)): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    encoding: "latin1",
    input,
    env: { ...process.env, OCI2CFS_REPO: path.join(work, "repo") },
  });
  return { status, stdout, stderr };
}

const dumpOf = (name: string): string => path.join(vectors, "dump", `${name}.dump`);
const digestsOf = new Map(
  readFileSync(path.join(vectors, "dump/index.tsv"), "utf8")
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split("\t"))
    .map(([name = "", , , , sha256 = "", sha512 = ""]) => [name, { sha256, sha512 }]),
);

describe("mkfs", () => {
  const directory = path.join(work, "mkfs");
  const target = path.join(directory, "image.cfs");

  beforeAll(() => mkdirSync(directory));

  it.each([
    ["devices", [], "sha256"],
    ["whiteout-v1", [], "sha256"],
    ["whiteout-v0", ["--min-version=0", "--max-version=0"], "sha256"],
    // One option alone leaves the other at 0, as with mkcomposefs.
    ["whiteout-v0", ["--min-version", "0"], "sha256"],
    ["whiteout-v0", ["--max-version", "0"], "sha256"],
    ["min-version-1", ["--min-version=1"], "sha256"],
    ["devices", ["--algorithm", "sha512"], "sha512"],
  ] as const)("makes of %s with %j the image of mkcomposefs", (name, options, algorithm) => {
    const digest = `${algorithm}:${digestsOf.get(name)?.[algorithm]}\n`;
    expect(oci2cfs(["mkfs", ...options, dumpOf(name), target])).toEqual({ status: 0, stdout: digest, stderr: "" });
    expect(oci2cfs(["measure", "--algorithm", algorithm, target]).stdout).toBe(`${digest.trim()} ${target}\n`);
    expect(readdirSync(directory)).toEqual(["image.cfs"]);
  });

  it("reads standard input, and writes no image for -", () => {
    const run = oci2cfs(["mkfs", "-", "-"], readFileSync(dumpOf("devices")));
    expect(run).toMatchObject({ status: 0, stdout: `sha256:${digestsOf.get("devices")?.sha256}\n` });
    expect(existsSync("-")).toBe(false);
  });

  it("replaces the file behind a symlink and keeps the link", () => {
    const link = path.join(work, "link.cfs");
    symlinkSync("mkfs/image.cfs", link);
    writeFileSync(target, "old");
    expect(oci2cfs(["mkfs", dumpOf("devices"), link]).status).toBe(0);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(oci2cfs(["measure", target]).stdout).toContain(digestsOf.get("devices")?.sha256);
  });

  it("writes to what is no file and does not replace it", () => {
    const fifo = path.join(work, "fifo");
    const script = 'mkfifo "$1" && { cat "$1" > "$1.out" & } && "$2" "$3" mkfs "$4" "$1" && wait && test -p "$1"';
    const { status } = spawnSync("sh", ["-c", script, "sh", fifo, process.execPath, cli, dumpOf("devices")]);
    expect(status).toBe(0);
    expect(oci2cfs(["measure", `${fifo}.out`]).stdout).toContain(digestsOf.get("devices")?.sha256);
  });

  it("leaves the old image when the dump is refused", () => {
    writeFileSync(target, "old");
    const [name = ""] = readdirSync(path.join(vectors, "dump/reject"));
    const run = oci2cfs(["mkfs", path.join(vectors, "dump/reject", name), target]);
    expect(run).toMatchObject({ status: 1, stdout: "", stderr: expect.stringMatching(/^Error: .*line \d+: /) });
    expect(readFileSync(target, "latin1")).toBe("old");
    expect(readdirSync(directory)).toEqual(["image.cfs"]);
  });

  it.each([
    ["a dump that is not there", [path.join(work, "none"), "-"], /^Error: .*none: ENOENT/],
    ["a directory that is not there", [dumpOf("devices"), path.join(work, "no/image")], /^Error: writing .*ENOENT/],
    ["a directory as the image", [dumpOf("devices"), work], /^Error: writing .*EISDIR/],
    ["version 2", ["--min-version", "2", dumpOf("devices"), "-"], /--min-version does not take "2"\nhint: /],
    ["another hash", ["--algorithm", "md5", dumpOf("devices"), "-"], /--algorithm does not take "md5"\nhint: /],
  ])("refuses %s", (_, args, message) => {
    expect(oci2cfs(["mkfs", ...args])).toMatchObject({
      status: 1,
      stdout: "",
      stderr: expect.stringMatching(message),
    });
  });
});

describe("dump", () => {
  const image = path.join(work, "dumped.cfs");

  it("prints a text from which the same image comes", () => {
    oci2cfs(["mkfs", dumpOf("xattr-shared"), image]);
    const { status, stdout } = oci2cfs(["dump", image]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^\/ \d+ 40\d{3} /);
    expect(oci2cfs(["mkfs", "-", "-"], Buffer.from(stdout, "latin1")).stdout).toContain(
      digestsOf.get("xattr-shared")?.sha256,
    );
  });

  it("is no failure when the reader has seen enough", () => {
    // Much more than a pipe holds.
    const lines = Array.from({ length: 20_000 }, (_, index) => `/file-${index} 0 100644 1 0 0 0 1.0 - - -\n`);
    oci2cfs(["mkfs", "-", image], Buffer.from(`/ 0 40755 2 0 0 0 1.0 - - -\n${lines.join("")}`));
    const script = '{ "$1" "$2" dump "$3"; echo "status $?" >&2; } | head -n 1';
    const { stdout, stderr } = spawnSync("sh", ["-c", script, "sh", process.execPath, cli, image], {
      encoding: "utf8",
    });
    expect(stdout).toMatch(/^\/ .*\n$/);
    expect(stderr).toBe("status 0\n");
  });

  it("says which file is no image", () => {
    expect(oci2cfs(["dump", dumpOf("devices")])).toMatchObject({
      status: 1,
      stdout: "",
      stderr: `Error: ${dumpOf("devices")}: erofs: byte 0: this is no composefs image\n`,
    });
  });
});

describe("measure", () => {
  const content = (size: number): Buffer => Buffer.from(Array.from({ length: size }, (_, index) => index % 251));
  const rows = readFileSync(path.join(vectors, "fsverity.tsv"), "utf8")
    .split("\n")
    .map((line) => line.split("\t"))
    .filter(([kind, size]) => kind === "mod251" && Number(size) <= 4097);

  it("prints what the fsverity tool prints, for several files", () => {
    for (const algorithm of ["sha256", "sha512"]) {
      const files = rows
        .filter((row) => row[2] === algorithm)
        .map(([, size = "", , digest]) => {
          const file = path.join(work, `size-${size}`);
          writeFileSync(file, content(Number(size)));
          return { file, line: `${algorithm}:${digest} ${file}\n` };
        });
      expect(files.length).toBeGreaterThan(3);
      expect(oci2cfs(["measure", "--algorithm", algorithm, ...files.map(({ file }) => file)])).toMatchObject({
        status: 0,
        stdout: files.map(({ line }) => line).join(""),
      });
    }
  });

  it("reads standard input", () => {
    const digest = rows.find(([, size, algorithm]) => size === "4097" && algorithm === "sha256")?.[3];
    expect(oci2cfs(["measure", "-"], content(4097)).stdout).toBe(`sha256:${digest} -\n`);
  });

  it.each([
    ["a file that is not there", path.join(work, "none"), /^Error: .*none: ENOENT/],
    ["a directory", work, /^Error: .*EISDIR/],
  ])("refuses %s", (_, file, message) => {
    expect(oci2cfs(["measure", file])).toMatchObject({ status: 1, stderr: expect.stringMatching(message) });
  });
});

describe("ls", () => {
  beforeAll(() => {
    const layer = tar.tar(
      tar.directory("usr"),
      tar.file("usr/plain", "hello", { uid: 1000, gid: 100, mode: 0o4755, mtime: 5 }),
      tar.file("usr/object", "x".repeat(100), { mode: 0o644, xattrs: { "security.capability": "\x01\0\0\x02" } }),
      tar.hardlink("usr/second", "usr/object"),
      tar.symlink("usr/symlink", "plain"),
      tar.device("usr/null", "character", { mode: 0o666, devMajor: 1, devMinor: 3 }),
      tar.fifo("usr/pipe", { mode: 0o600 }),
      tar.file("usr/line\nbreak\x1b[1m", "", { mode: 0o1644 }),
      tar.directory("usr/empty"),
    );
    const builder = new LayoutBuilder();
    const config = builder.json(
      { os: "linux", architecture: "amd64", config: {}, rootfs: { type: "layers", diff_ids: [digestOf(layer)] } },
      types.config,
    );
    const layers = [builder.blob(layer, types.tar)];
    const manifest = builder.json({ schemaVersion: 2, mediaType: types.manifest, config, layers }, types.manifest);
    builder.tag(manifest, "latest").write(path.join(work, "layout"));
    expect(oci2cfs(["-q", "pull", `oci:${path.join(work, "layout")}:latest`, "image"])).toMatchObject({ status: 0 });
  });

  it("lists a directory by name, escaping what could harm a terminal", () => {
    expect(oci2cfs(["ls", "image", "/usr"]).stdout.split("\n")).toEqual([
      "MODE        UID   GID  SIZE  NAME",
      "drwxr-xr-x  0     0    0     empty",
      "-rw-r--r-T  0     0    0     line\\x0abreak\\x1b[1m",
      "crw-rw-rw-  0     0    1,3   null",
      "-rw-r--r--  0     0    100   object",
      "prw-------  0     0    0     pipe",
      "-rwsr-xr-x  1000  100  5     plain",
      "-rw-r--r--  0     0    100   second",
      "lrwxrwxrwx  0     0    5     symlink -> plain",
      "",
    ]);
  });

  it("lists the root when no path is given, a file alone, and nothing for an empty directory", () => {
    expect(oci2cfs(["ls", "image"]).stdout).toMatch(/^MODE.*\ndrwxr-xr-x .* usr\n$/);
    expect(oci2cfs(["ls", "image", "usr/./symlink/"]).stdout).toMatch(/\nlrwxrwxrwx .* -> plain\n$/);
    expect(oci2cfs(["ls", "image", "/usr/empty"])).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  it("tells programs more", () => {
    const { version, path: listed, entries } = JSON.parse(oci2cfs(["ls", "--format", "json", "image", "/usr"]).stdout);
    expect({ version, listed }).toEqual({ version: 1, listed: "/usr" });
    const find = (name: string): unknown => entries.find((entry: { name: string }) => entry.name === name);
    const owner = { uid: 0, gid: 0 };
    expect(find("plain")).toEqual({
      name: "plain",
      type: "regular",
      mode: "4755",
      uid: 1000,
      gid: 100,
      size: 5,
      mtime: 5,
    });
    expect(find("symlink")).toMatchObject({ ...owner, type: "symlink", mode: "0777", target: "plain" });
    expect(find("object")).toMatchObject({
      type: "regular",
      size: 100,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      xattrs: ["security.capability"],
    });
    expect(find("second")).toEqual({ ...(find("object") as object), name: "second" });
  });

  it.each([
    ["a path that is not there", ["image", "/usr/none"], 1, /^Error: \/usr\/none: not in the image\n$/],
    ["a path through a file", ["image", "/usr/plain/x"], 1, /not in the image/],
    ["an image that is not there", ["none"], 1, /^Error: no image "none"/],
    ["an unknown format", ["--format", "xml", "image"], 1, /unknown format "xml"/],
  ])("refuses %s", (_, args, status, message) => {
    expect(oci2cfs(["ls", ...args])).toMatchObject({ status, stdout: "", stderr: expect.stringMatching(message) });
  });
});
