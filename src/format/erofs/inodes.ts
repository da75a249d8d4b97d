// The inodes of an image in the order in which they are written: breadth first, children by name, and the root's 256
// stubs among them. Parallel arrays instead of objects: an image has up to 10^6 inodes.

import { Oci2cfsError } from "../../errors.ts";
import { type ByteString, printable } from "../bytes.ts";
import { type Device, type Directory, type HardLink, type Leaf, NO_XATTRS, type Node, type Xattrs } from "../node.ts";
import {
  ACL_XATTRS,
  MAX_FILE_SIZE,
  MAX_INLINE_SIZE,
  MAX_NAME_LENGTH,
  MAX_SYMLINK_LENGTH,
  STUB_MODE,
  STUB_NAMES,
  XATTR_SELINUX,
} from "./layout.ts";
import { directoryXattrs, isWhiteout, leafXattrs } from "./overlay.ts";
import { type XattrPair, XattrTable } from "./xattrs.ts";

export type Inode = Directory | Leaf;

/** A directory's names in byte order, `.` and `..` included, and the inode number of each. */
export interface DirectoryEntries {
  readonly names: readonly ByteString[];
  /** Not filled for hard links until all inodes have their numbers. */
  readonly inodes: Uint32Array;
}

export interface InodeTable {
  /** By inode number. */
  readonly inodes: readonly Inode[];
  readonly xattrs: readonly (readonly XattrPair[])[];
  /** For directories, by inode number. */
  readonly entries: readonly (DirectoryEntries | undefined)[];
  /** Link count as written. */
  readonly nlink: readonly number[];
  readonly table: XattrTable;
  /** The one object that stands for all 256 stubs. */
  readonly stub: Device;
  readonly version: number;
  readonly hasAcl: boolean;
  /** The earliest modification time. */
  readonly minSec: bigint;
  readonly minNsec: number;
}

export interface VersionRange {
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** @throws Oci2cfsError `unsupported` or `bad-format`, naming the path, for a tree that the format cannot hold. */
export function collectInodes(root: Directory, range: VersionRange): InodeTable {
  return new Collector(root, range).collect();
}

class Collector {
  readonly #whiteoutVersion: number;
  readonly #minVersion: number;
  readonly #inodes: Inode[] = [];
  readonly #parents: number[] = [];
  readonly #xattrs: (readonly XattrPair[])[] = [];
  readonly #entries: (DirectoryEntries | undefined)[] = [];
  readonly #nlink: number[] = [];
  readonly #table = new XattrTable();
  readonly #links: { entries: DirectoryEntries; position: number; target: Leaf; directory: number }[] = [];
  readonly #stub: Device;
  #hasWhiteouts = false;

  constructor(root: Directory, range: VersionRange) {
    this.#minVersion = range.minVersion;
    this.#whiteoutVersion = Math.max(range.minVersion, range.maxVersion);
    this.#stub = makeStub(root);
    this.#add(root, 0);
  }

  collect(): InodeTable {
    // The array grows while it is walked: that is the breadth-first queue.
    for (let ino = 0; ino < this.#inodes.length; ino++) {
      const inode = this.#inodes[ino];
      if (inode === undefined) break;
      if (inode.kind === "directory") this.#visitDirectory(inode, ino);
      else this.#visitLeaf(inode, ino);
    }
    this.#resolveLinks();
    const { minSec, minNsec } = earliest(this.#inodes);
    return {
      inodes: this.#inodes,
      xattrs: this.#xattrs,
      entries: this.#entries,
      nlink: this.#nlink,
      table: this.#table,
      stub: this.#stub,
      version: this.#hasWhiteouts ? this.#whiteoutVersion : this.#minVersion,
      hasAcl: ACL_XATTRS.some((name) => this.#table.has(name)),
      minSec,
      minNsec,
    };
  }

  #add(inode: Inode, parent: number): number {
    this.#parents.push(parent);
    return this.#inodes.push(inode) - 1;
  }

  #visitLeaf(leaf: Leaf, ino: number): void {
    checkLeaf(leaf, () => this.#pathOf(ino));
    this.#nlink.push(leaf.nlink);
    this.#entries.push(undefined);
    // Stubs keep their label as it is and are no whiteouts of the user's.
    this.#xattrs.push(
      leaf === this.#stub
        ? [...leaf.xattrs].map(([name, value]) => this.#table.use(name, value))
        : leafXattrs(this.#table, leaf, () => this.#pathOf(ino)),
    );
  }

  #visitDirectory(directory: Directory, ino: number): void {
    const isRoot = ino === 0;
    const names = sortedNames(directory.children, isRoot);
    const entries: DirectoryEntries = { names, inodes: new Uint32Array(names.length) };
    this.#entries.push(entries);
    let subdirectories = 0;
    let whiteouts = false;
    for (let position = 0; position < names.length; position++) {
      const name = names[position] as ByteString;
      if (name === ".") entries.inodes[position] = ino;
      else if (name === "..") entries.inodes[position] = this.#parents[ino] ?? 0;
      else {
        const child: Node = directory.children.get(name) ?? this.#stub;
        checkName(name, () => this.#pathOf(ino));
        if (child.kind === "hardlink") {
          this.#links.push({ entries, position, target: child.target, directory: ino });
          continue;
        }
        entries.inodes[position] = this.#add(child, ino);
        if (child.kind === "directory") subdirectories++;
        else if (child !== this.#stub && isWhiteout(child)) whiteouts = true;
      }
    }
    this.#hasWhiteouts ||= whiteouts;
    this.#nlink.push(2 + subdirectories);
    const marks = { isRoot, whiteouts: whiteouts ? this.#whiteoutVersion : undefined };
    this.#xattrs.push(directoryXattrs(this.#table, directory, marks, () => this.#pathOf(ino)));
  }

  #resolveLinks(): void {
    if (this.#links.length === 0) return;
    const numbers = new Map<Inode, number>();
    for (const { target } of this.#links) numbers.set(target, -1);
    for (let ino = 0; ino < this.#inodes.length; ino++) {
      const inode = this.#inodes[ino] as Inode;
      if (inode.kind !== "directory" && numbers.has(inode)) numbers.set(inode, ino);
    }
    for (const { entries, position, target, directory } of this.#links) {
      const ino = numbers.get(target) ?? -1;
      if (ino < 0) {
        const name = printable(entries.names[position] as ByteString);
        throw new Oci2cfsError(
          "bad-format",
          `erofs: ${this.#pathOf(directory)}/${name}: hard link to nothing in the tree`,
        );
      }
      entries.inodes[position] = ino;
    }
  }

  /** For messages only: searches each parent for the name. */
  #pathOf(ino: number): string {
    const parts: string[] = [];
    for (let current = ino; current !== 0; current = this.#parents[current] ?? 0) {
      const siblings = this.#entries[this.#parents[current] ?? 0];
      const position = siblings?.inodes.indexOf(current) ?? -1;
      parts.unshift(printable(siblings?.names[position] ?? ("?" as ByteString)));
    }
    return `/${parts.join("/")}`;
  }
}

function makeStub(root: Directory): Device {
  const label = root.xattrs.get(XATTR_SELINUX);
  const xattrs: Xattrs = label === undefined ? NO_XATTRS : new Map([[XATTR_SELINUX, label]]);
  const { uid, gid, mtimeSec, mtimeNsec } = root;
  return { kind: "character", mode: STUB_MODE, rdev: 0, nlink: 1, uid, gid, mtimeSec, mtimeNsec, xattrs };
}

function sortedNames(children: ReadonlyMap<ByteString, Node | HardLink>, isRoot: boolean): ByteString[] {
  const names = [...children.keys(), "." as ByteString, ".." as ByteString];
  if (isRoot) names.push(...STUB_NAMES.filter((name) => !children.has(name)));
  // Without a comparer strings sort by code units, which are bytes here.
  return names.sort();
}

function checkName(name: ByteString, directory: () => string): void {
  if (name.length === 0 || name.length > MAX_NAME_LENGTH || name.includes("/") || name.includes("\0")) {
    throw new Oci2cfsError(
      "unsupported",
      `erofs: ${directory()}: name "${printable(name).slice(0, 80)}" of ${name.length} bytes is not a file name`,
    );
  }
}

function checkLeaf(leaf: Leaf, path: () => string): void {
  if (leaf.kind === "symlink" && (leaf.target.length === 0 || leaf.target.length > MAX_SYMLINK_LENGTH)) {
    throw new Oci2cfsError("unsupported", `erofs: ${path()}: symlink target of ${leaf.target.length} bytes`);
  }
  if (leaf.kind === "regular") {
    const inline = leaf.content?.length ?? 0;
    if (leaf.size > MAX_FILE_SIZE) {
      throw new Oci2cfsError("unsupported", `erofs: ${path()}: file of ${leaf.size} bytes, more than 2^53`);
    }
    if (inline > MAX_INLINE_SIZE) {
      throw new Oci2cfsError("unsupported", `erofs: ${path()}: inline content of ${inline} bytes`);
    }
  }
}

function earliest(inodes: readonly Inode[]): { minSec: bigint; minNsec: number } {
  let minSec = inodes[0]?.mtimeSec ?? 0n;
  let minNsec = inodes[0]?.mtimeNsec ?? 0;
  for (const inode of inodes) {
    if (inode.mtimeSec < minSec || (inode.mtimeSec === minSec && inode.mtimeNsec < minNsec)) {
      minSec = inode.mtimeSec;
      minNsec = inode.mtimeNsec;
    }
  }
  return { minSec, minNsec };
}
