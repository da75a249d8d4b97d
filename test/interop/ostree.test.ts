// OSTree objects against the real ostree: the same tree must give the same checksums.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ByteString, encodeText } from "../../src/format/bytes.ts";
import type { OstreeChecksum } from "../../src/format/digest.ts";
import { array, byteArray, string } from "../../src/format/gvariant.ts";
import { NO_XATTRS } from "../../src/format/node.ts";
import {
  encodeCommit,
  encodeDirmeta,
  encodeDirtree,
  type FileObject,
  fileChecksum,
} from "../../src/format/ostree-object.ts";
import { type Scratch, titled, tool } from "./tools.ts";

const ostree = tool("ostree");

type Tree = { [name: string]: Tree | Buffer | string };

/** A target is a string, a file's content a Buffer. Names of all lengths, so that offsets of one, two and four bytes come. */
const tree: Tree = {
  usr: {
    bin: { tool: Buffer.from("#!/bin/sh\n"), sh: "tool" },
    lib: Object.fromEntries(
      Array.from({ length: 3000 }, (_, index) => [`library-number-${index}`, Buffer.from(`${index}`)]),
    ),
    empty: {},
    large: Buffer.alloc(300_000, "x"),
  },
  etc: { "file with spaces": Buffer.from(""), ümläut: Buffer.from("1") },
};

const owner = { uid: 0, gid: 0, xattrs: NO_XATTRS };
const dirmeta = encodeDirmeta({ ...owner, permissions: 0o755 });

function write(directory: string, entries: Tree): void {
  for (const [name, entry] of Object.entries(entries)) {
    const file = path.join(directory, name);
    if (typeof entry === "string") symlinkSync(entry, file);
    else if (Buffer.isBuffer(entry)) {
      writeFileSync(file, entry);
      chmodSync(file, 0o644);
    } else {
      mkdirSync(file);
      chmodSync(file, 0o755);
      write(file, entry);
    }
  }
}

function fileObject(entry: Buffer | string): FileObject {
  return typeof entry === "string"
    ? { ...owner, permissions: 0o777, content: Buffer.alloc(0), target: entry as ByteString }
    : { ...owner, permissions: 0o644, content: entry, target: undefined };
}

function dirtreeOf(entries: Tree): OstreeChecksum {
  const files: { name: ByteString; checksum: OstreeChecksum }[] = [];
  const directories: { name: ByteString; dirtree: OstreeChecksum; dirmeta: OstreeChecksum }[] = [];
  for (const [text, entry] of Object.entries(entries)) {
    const name = encodeText(text);
    if (typeof entry === "string" || Buffer.isBuffer(entry))
      files.push({ name, checksum: fileChecksum(fileObject(entry)) });
    else directories.push({ name, dirtree: dirtreeOf(entry), dirmeta: dirmeta.checksum });
  }
  return encodeDirtree({ files, directories }).checksum;
}

/** ostree reaches its temporary files through /proc, which a root that is entered by chroot has not mounted. */
function runWithProc(script: string): { stdout: string; stderr: string } {
  const root = process.env.OCI2CFS_SID;
  const [program = "sh", ...args] =
    root === undefined || root === ""
      ? ["sh", script]
      : ["unshare", "-m", "sh", "-ec", 'mount -t proc proc "$0/proc"; exec chroot "$0" sh "$1"', root, script];
  return spawnSync(program, args, { encoding: "utf8" });
}

describe.skipIf(ostree.found === undefined)(titled("the real ostree", ostree), () => {
  let scratch: Scratch;

  beforeAll(() => {
    scratch = ostree.found?.scratch() as Scratch;
    mkdirSync(path.join(scratch.outside, "tree"));
    chmodSync(path.join(scratch.outside, "tree"), 0o755);
    write(path.join(scratch.outside, "tree"), tree);
  });

  afterAll(() => scratch.remove());

  it("gives the commit checksum that we compute", () => {
    const digest = Buffer.alloc(32, 7);
    const bytes = [...digest].map((value) => `byte 0x${value.toString(16)}`).join(",");
    writeFileSync(
      path.join(scratch.outside, "commit.sh"),
      `set -e
      cd ${scratch.inside}
      ostree --repo=repo init --mode=archive
      ostree --repo=repo commit -b stub --owner-uid=0 --owner-gid=0 --no-xattrs -s subject --timestamp=@1700000000 \\
        --add-metadata-string=version=1.2 --add-metadata='ostree.composefs.digest.v0=[${bytes}]' --tree=dir=tree`,
    );
    const result = runWithProc(path.join(scratch.inside, "commit.sh"));
    expect(result.stderr).toBe("");
    const commit = encodeCommit({
      metadata: [
        ["version", string("1.2")],
        ["ostree.composefs.digest.v0", byteArray(digest)],
        ["ostree.ref-binding", array({ type: "s", alignment: 1, fixedSize: false }, [string("stub")])],
      ],
      parent: undefined,
      subject: "subject",
      body: "",
      timestamp: 1_700_000_000n,
      dirtree: dirtreeOf(tree),
      dirmeta: dirmeta.checksum,
    });
    expect(commit.checksum).toBe(result.stdout.trim());
  });
});
