// oci-archive: an uncompressed tar of an OCI layout. Only headers are read; a layer is handed on as a range of the archive
// file and nothing is unpacked. The layer tar reader does it, because a tar library that streams gives no offsets.

import { closeSync, openSync, readSync, statSync } from "node:fs";
import { errnoOf, Oci2cfsError, withContext } from "../errors.ts";
import { type ByteString, printable } from "../format/bytes.ts";
import { formatReference, type LayoutReference } from "../format/reference.ts";
import type { TarEntry } from "../format/tar/entry.ts";
import { BLOCK_SIZE } from "../format/tar/header.ts";
import { TarReader } from "../format/tar/reader.ts";
import { LayoutSource } from "./layout.ts";
import type { BlobFile, ImageSource } from "./source.ts";

/** A layout has a member for each blob; the largest image that we accept has about a thousand layers. */
const MAX_MEMBERS = 100_000;

/**
 * @throws Oci2cfsError `image-not-found` when there is no such file, `unsupported` when it is compressed, `bad-format` when
 * it is no tar of a layout.
 */
export function openArchive(reference: LayoutReference): ImageSource {
  try {
    const members = readMembers(reference.path);
    return new LayoutSource(reference, { locate: (wanted) => locate(members, wanted) });
  } catch (error) {
    const isAbsent = errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR";
    const failure = isAbsent ? new Oci2cfsError("image-not-found", "no such file", { cause: error }) : error;
    throw withContext(formatReference(reference), failure);
  }
}

/** A file of the archive, or what stands in its place. */
type Member = BlobFile | { readonly link: string } | "other";

function locate(members: ReadonlyMap<string, Member>, wanted: string): BlobFile | undefined {
  const member = members.get(wanted);
  if (member === undefined || (member !== "other" && "path" in member)) return member;
  const reason = member === "other" ? "not a regular file" : "a link";
  throw new Oci2cfsError("bad-format", `${wanted} is ${reason}`);
}

/** Members by their name without leading `./`. Of equal names the last wins, as when the archive is unpacked. */
function readMembers(file: string): Map<string, Member> {
  // Before it is opened: that would wait for the writer of a fifo.
  const stat = statSync(file);
  if (!stat.isFile()) {
    throw new Oci2cfsError("bad-format", stat.isDirectory() ? "a directory, not an archive" : "not a regular file", {
      hint: stat.isDirectory() ? `for a layout in a directory say oci:${file}` : "an archive is read at random places",
    });
  }
  const fd = openSync(file, "r");
  try {
    refuseCompressed(fd);
    return new MemberReader(file, fd, stat.size).read();
  } finally {
    closeSync(fd);
  }
}

const magics: readonly (readonly [name: string, magic: Buffer, tool: string])[] = [
  ["gzip", Buffer.from("1f8b", "hex"), "gunzip"],
  ["zstd", Buffer.from("28b52ffd", "hex"), "unzstd"],
  ["xz", Buffer.from("fd377a585a00", "hex"), "unxz"],
  ["bzip2", Buffer.from("425a68", "hex"), "bunzip2"],
];

function refuseCompressed(fd: number): void {
  const start = Buffer.alloc(8);
  readSync(fd, start, 0, start.length, 0);
  for (const [name, magic, tool] of magics) {
    if (!start.subarray(0, magic.length).equals(magic)) continue;
    throw new Oci2cfsError("unsupported", `the archive is compressed with ${name}`, {
      hint: `unpack it first: ${tool} (its layers stay compressed)`,
    });
  }
}

class MemberReader {
  readonly #members: Map<string, Member> = new Map();
  readonly #file: string;
  readonly #fd: number;
  readonly #size: number;
  #entry: TarEntry | undefined;
  #count = 0;

  constructor(file: string, fd: number, size: number) {
    this.#file = file;
    this.#fd = fd;
    this.#size = size;
  }

  read(): Map<string, Member> {
    const reader = new TarReader({
      raw: () => undefined,
      content: () => undefined,
      contentEnd: () => undefined,
      entry: (entry) => {
        this.#entry = entry;
      },
    });
    const block = Buffer.allocUnsafeSlow(BLOCK_SIZE);
    // One block at a time, so that the reader stands exactly where content begins when it announces an entry.
    while (!reader.ended) {
      const offset = reader.offset;
      const count = readSync(this.#fd, block, 0, BLOCK_SIZE - (offset % BLOCK_SIZE), offset);
      if (count === 0) break;
      reader.push(block, 0, count);
      const entry = this.#entry;
      if (entry === undefined) continue;
      this.#entry = undefined;
      this.#add(entry, reader.offset);
      if (entry.storedSize > 0) reader.skipContent();
    }
    reader.finish();
    if (this.#members.size === 0) throw new Oci2cfsError("bad-format", "an empty tar");
    return this.#members;
  }

  #add(entry: TarEntry, offset: number): void {
    if (++this.#count > MAX_MEMBERS) throw new Oci2cfsError("bad-format", `more than ${MAX_MEMBERS} members`);
    if (entry.type === "directory") return;
    const end = offset + entry.storedSize;
    if (end > this.#size) {
      const name = printable(entry.name).slice(0, 200);
      throw new Oci2cfsError(
        "bad-format",
        `tar: ${name} at byte ${entry.offset} ends behind the archive: it is cut short`,
      );
    }
    this.#members.set(memberName(entry.name), this.#memberOf(entry, offset));
  }

  #memberOf(entry: TarEntry, offset: number): Member {
    if (entry.type === "hardlink" || entry.type === "symlink") return { link: entry.linkname };
    if (entry.type !== "regular" || entry.sparse !== undefined) return "other";
    return { path: this.#file, offset, size: entry.storedSize };
  }
}

function memberName(name: ByteString): string {
  return name.replace(/^(?:\.?\/+)+/, "");
}
