// The inodes of an image in the order in which they are written: breadth first, children by name, and the root's 256
// stubs among them. Parallel arrays instead of objects: an image has up to 10^6 inodes.

import { Oci2cfsError } from "../../errors.ts";
import { type ByteString, printable } from "../bytes.ts";
import { type Device, type Directory, type HardLink, type Leaf, NO_XATTRS, type Node, type Xattrs } from "../node.ts";
import { InodeXattrs } from "./inode-xattrs.ts";
import { ACL_XATTRS, EROFS_FT, STUB_MODE, STUB_NAMES, XATTR_SELINUX } from "./layout.ts";
import { inodeProblem, nameProblem } from "./limits.ts";
import { directoryXattrs, isWhiteout, leafXattrs } from "./overlay.ts";

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
  /** EROFS_FT_* as written: the user's whiteouts are regular files, stubs are not. */
  readonly fileTypes: readonly number[];
  /** For directories, by inode number. */
  readonly entries: readonly (DirectoryEntries | undefined)[];
  /** Link count as written. */
  readonly nlink: readonly number[];
  readonly xattrs: InodeXattrs;
  readonly version: number;
  readonly hasAcl: boolean;
  /** The earliest modification time. */
  readonly minSec: bigint;
  readonly minNsec: number;
}

const SELF = "." as ByteString;
const PARENT = ".." as ByteString;

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
  readonly #fileTypes: number[] = [];
  readonly #entries: (DirectoryEntries | undefined)[] = [];
  readonly #nlink: number[] = [];
  readonly #xattrs = new InodeXattrs();
  readonly #links: { entries: DirectoryEntries; position: number; target: Leaf; directory: number }[] = [];
  readonly #stub: Device;
  #hasWhiteouts = false;
  #minSec: bigint;
  #minNsec: number;

  constructor(root: Directory, range: VersionRange) {
    this.#minVersion = range.minVersion;
    this.#whiteoutVersion = Math.max(range.minVersion, range.maxVersion);
    // The one object that stands for all 256 stubs.
    this.#stub = makeStub(root);
    this.#minSec = root.mtimeSec;
    this.#minNsec = root.mtimeNsec;
    this.#add(root, 0);
  }

  collect(): InodeTable {
    // The array grows while it is walked: that is the breadth-first queue.
    for (let ino = 0; ino < this.#inodes.length; ino++) {
      const inode = this.#inodes[ino];
      if (inode === undefined) break;
      const problem = inodeProblem(inode);
      if (problem !== undefined) throw this.#unsupported(ino, problem);
      this.#noteTime(inode);
      if (inode.kind === "directory") this.#visitDirectory(inode, ino);
      else this.#visitLeaf(inode);
    }
    this.#resolveLinks();
    return {
      inodes: this.#inodes,
      fileTypes: this.#fileTypes,
      entries: this.#entries,
      nlink: this.#nlink,
      xattrs: this.#xattrs,
      version: this.#hasWhiteouts ? this.#whiteoutVersion : this.#minVersion,
      hasAcl: ACL_XATTRS.some((name) => this.#xattrs.table.has(name)),
      minSec: this.#minSec,
      minNsec: this.#minNsec,
    };
  }

  #add(inode: Inode, parent: number): number {
    this.#parents.push(parent);
    return this.#inodes.push(inode) - 1;
  }

  #noteTime({ mtimeSec, mtimeNsec }: Inode): void {
    if (mtimeSec > this.#minSec || (mtimeSec === this.#minSec && mtimeNsec >= this.#minNsec)) return;
    this.#minSec = mtimeSec;
    this.#minNsec = mtimeNsec;
  }

  #visitLeaf(leaf: Leaf): void {
    const { table } = this.#xattrs;
    this.#nlink.push(leaf.nlink);
    this.#entries.push(undefined);
    if (leaf === this.#stub) {
      // Stubs keep their label as it is and are no whiteouts of the user's.
      this.#fileTypes.push(EROFS_FT.character);
      this.#xattrs.add(
        leaf,
        [...leaf.xattrs].map(([name, value]) => table.use(name, value)),
      );
    } else {
      this.#fileTypes.push(isWhiteout(leaf) ? EROFS_FT.regular : EROFS_FT[leaf.kind]);
      this.#xattrs.add(leaf, leafXattrs(table, leaf));
    }
  }

  #visitDirectory(directory: Directory, ino: number): void {
    const isRoot = ino === 0;
    const reserved = [SELF, PARENT].find((name) => directory.children.has(name));
    if (reserved !== undefined) throw this.#unsupported(ino, nameProblem(reserved));
    const names = sortedNames(directory.children, isRoot);
    const entries: DirectoryEntries = { names, inodes: new Uint32Array(names.length) };
    this.#entries.push(entries);
    let subdirectories = 0;
    let whiteouts = false;
    for (let position = 0; position < names.length; position++) {
      const name = names[position] as ByteString;
      if (name === SELF) entries.inodes[position] = ino;
      else if (name === PARENT) entries.inodes[position] = this.#parents[ino] ?? 0;
      else {
        const child: Node = directory.children.get(name) ?? this.#stub;
        const problem = nameProblem(name);
        if (problem !== undefined) throw this.#unsupported(ino, problem);
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
    this.#fileTypes.push(EROFS_FT.directory);
    this.#xattrs.add(directory, directoryXattrs(this.#xattrs.table, directory, marks));
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
        const path = directory === 0 ? `/${name}` : `${this.#pathOf(directory)}/${name}`;
        throw new Oci2cfsError("bad-format", `erofs: ${path}: hard link to nothing in the tree`);
      }
      entries.inodes[position] = ino;
    }
  }

  #unsupported(ino: number, problem: string | undefined): Oci2cfsError {
    return new Oci2cfsError("unsupported", `erofs: ${this.#pathOf(ino)}: ${problem}`);
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
  const names = [...children.keys(), SELF, PARENT];
  if (isRoot) names.push(...STUB_NAMES.filter((name) => !children.has(name)));
  // Without a comparer strings sort by code units, which are bytes here.
  return names.sort();
}
