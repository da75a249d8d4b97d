// A composefs image back to its tree, as `composefs-info dump` shows it: stubs left out, and overlay's xattrs turned back
// into digests, redirects and whiteouts.

import { type ByteString, toBuffer } from "../bytes.ts";
import { hashes, type VerityDigest } from "../digest.ts";
import {
  type Directory,
  type Leaf,
  type Metadata,
  NO_XATTRS,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from "../node.ts";
import {
  XATTR_ESCAPED_WHITEOUT,
  XATTR_ESCAPED_WHITEOUTS,
  XATTR_METACOPY,
  XATTR_OPAQUE,
  XATTR_OVERLAY_ESCAPE,
  XATTR_OVERLAY_PREFIX,
  XATTR_REDIRECT,
  XATTR_USER_WHITEOUT,
  XATTR_USER_WHITEOUTS,
} from "./layout.ts";
import { type DirectoryEntry, ErofsImage, fail, type InodeRecord } from "./read-image.ts";

/** Deeper than any path can be walked; keeps a hostile image from nesting without end. */
const MAX_DEPTH = 4096;

/**
 * The first name of an inode, depth first, is its place; its further names are hard links.
 * @param image a whole image of version 0 or 1, or of composefs-rs' version 2, with sha256 or sha512 digests.
 * @throws Oci2cfsError `bad-format` for a damaged image, `unsupported` for one of a kind that composefs does not write.
 */
export function readErofs(image: Buffer): Directory {
  return new TreeReader(new ErofsImage(image)).read();
}

interface OpenDirectory {
  readonly directory: Directory;
  readonly entries: readonly DirectoryEntry[];
  next: number;
}

class TreeReader {
  readonly #image: ErofsImage;
  readonly #leaves = new Map<number, Leaf>();
  readonly #directories = new Set<number>();
  /** Whiteouts are files with overlay's marks, and plain ones are stubs. */
  readonly #escapesWhiteouts: boolean;

  constructor(image: ErofsImage) {
    this.#image = image;
    this.#escapesWhiteouts = image.version < 2;
  }

  read(): Directory {
    const root = this.#image.inode(this.#image.rootNid);
    if ((root.mode & S_IFMT) !== S_IFDIR) fail(`inode ${root.nid}: the root is not a directory`);
    const top = this.#openDirectory(root);
    const stack: OpenDirectory[] = [top];
    for (let open = stack.at(-1); open !== undefined; open = stack.at(-1)) {
      const entry = open.entries[open.next++];
      if (entry === undefined) {
        stack.pop();
        continue;
      }
      const { directory } = open;
      if (directory.children.has(entry.name)) fail(`inode ${entry.nid}: a name that is there twice`);
      const known = this.#leaves.get(entry.nid);
      if (known !== undefined) {
        directory.children.set(entry.name, { kind: "hardlink", target: known });
        continue;
      }
      const inode = this.#image.inode(entry.nid);
      if ((inode.mode & S_IFMT) === S_IFDIR) {
        if (stack.length > MAX_DEPTH) fail(`inode ${entry.nid}: directories nest deeper than ${MAX_DEPTH}`);
        const child = this.#openDirectory(inode);
        directory.children.set(entry.name, child.directory);
        stack.push(child);
      } else if (!(this.#escapesWhiteouts && directory === top.directory && isStub(inode))) {
        const leaf = this.#readLeaf(inode);
        this.#leaves.set(entry.nid, leaf);
        directory.children.set(entry.name, leaf);
      }
    }
    return top.directory;
  }

  #openDirectory(inode: InodeRecord): OpenDirectory {
    if (this.#directories.has(inode.nid)) fail(`inode ${inode.nid}: a directory with two names`);
    this.#directories.add(inode.nid);
    const { metadata } = this.#readXattrs(inode);
    const directory: Directory = { kind: "directory", ...metadata, children: new Map(), size: inode.size };
    return { directory, entries: this.#image.entries(inode), next: 0 };
  }

  #readLeaf(inode: InodeRecord): Leaf {
    const { metadata, overlay } = this.#readXattrs(inode);
    const { nlink } = inode;
    if (overlay.isWhiteout) {
      return { kind: "character", ...metadata, mode: (inode.mode & ~S_IFMT) | S_IFCHR, nlink, rdev: 0 };
    }
    switch (inode.mode & S_IFMT) {
      case S_IFREG: {
        const external = this.#image.isChunked(inode);
        const content = external || inode.size === 0 ? undefined : this.#image.data(inode).toString("latin1");
        const { payload, digest } = overlay;
        return {
          kind: "regular",
          ...metadata,
          nlink,
          size: inode.size,
          content: content as ByteString,
          payload,
          digest,
        };
      }
      case S_IFLNK:
        return {
          kind: "symlink",
          ...metadata,
          nlink,
          target: this.#image.data(inode).toString("latin1") as ByteString,
        };
      case S_IFCHR:
        return { kind: "character", ...metadata, nlink, rdev: inode.union };
      case S_IFBLK:
        return { kind: "block", ...metadata, nlink, rdev: inode.union };
      case S_IFIFO:
        return { kind: "fifo", ...metadata, nlink };
      case S_IFSOCK:
        return { kind: "socket", ...metadata, nlink };
      default:
        return fail(`inode ${inode.nid}: mode ${inode.mode.toString(8)}`);
    }
  }

  #readXattrs(inode: InodeRecord): { metadata: Metadata; overlay: OverlayMarks } {
    const overlay: OverlayMarks = { payload: undefined, digest: undefined, isWhiteout: false };
    const xattrs = new Map<ByteString, ByteString>();
    for (const [name, value] of this.#image.xattrs(inode)) {
      if (name === XATTR_METACOPY) overlay.digest = digestOf(value, inode.nid);
      else if (name === XATTR_REDIRECT) overlay.payload = value.replace(/^\//, "") as ByteString;
      else if (!this.#escapesWhiteouts) xattrs.set(unescapeName(name), value);
      else if (name === XATTR_ESCAPED_WHITEOUT && isEmptyRegular(inode)) overlay.isWhiteout = true;
      else if (!droppedXattrs.has(name)) xattrs.set(unescapeName(name), value);
    }
    const { mode, uid, gid, mtimeSec, mtimeNsec } = inode;
    const metadata = { mode, uid, gid, mtimeSec, mtimeNsec, xattrs: xattrs.size === 0 ? NO_XATTRS : xattrs };
    return { metadata, overlay };
  }
}

interface OverlayMarks {
  payload: ByteString | undefined;
  digest: VerityDigest | undefined;
  isWhiteout: boolean;
}

/** The writer's own marks; they come back when the tree is written again. */
const droppedXattrs: ReadonlySet<ByteString> = new Set([
  XATTR_OPAQUE,
  XATTR_ESCAPED_WHITEOUTS,
  XATTR_USER_WHITEOUT,
  XATTR_USER_WHITEOUTS,
]);

/** The only kind of inode that overlayfs takes for a whiteout; for others a mark of that name is the user's own. */
function isEmptyRegular(inode: InodeRecord): boolean {
  return (inode.mode & S_IFMT) === S_IFREG && inode.size === 0;
}

/** Users' own whiteouts are escaped, so a plain one in the root can only be a stub. */
function isStub(inode: InodeRecord): boolean {
  return (inode.mode & S_IFMT) === S_IFCHR && inode.union === 0;
}

function unescapeName(name: ByteString): ByteString {
  if (!name.startsWith(XATTR_OVERLAY_ESCAPE)) return name;
  return (XATTR_OVERLAY_PREFIX + name.slice(XATTR_OVERLAY_ESCAPE.length)) as ByteString;
}

/** struct ovl_metacopy: version 0, length, flags 0, hash, digest; empty when no digest is known. */
function digestOf(value: ByteString, nid: number): VerityDigest | undefined {
  if (value === "") return undefined;
  const bytes = toBuffer(value);
  const hash = Object.values(hashes).find(({ id, size }) => bytes[3] === id && bytes.length === 4 + size);
  if (hash === undefined || bytes[0] !== 0 || bytes[1] !== bytes.length)
    fail(`inode ${nid}: the metacopy xattr is damaged`);
  return bytes.toString("hex", 4) as VerityDigest;
}
