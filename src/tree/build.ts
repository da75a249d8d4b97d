// Layers to one tree: the entries of each layer applied in order (image-spec layer.md "Applying Changesets"), in two
// dialects. Native: missing parents are made, parents may be symlinks inside the image, and whiteouts hide only what lower
// layers brought, wherever they stand in their own layer. composefs-rs: exactly what composefs-rs 0.9 does, or refused.

import { Oci2cfsError } from "../errors.ts";
import { type ByteString, printable } from "../format/bytes.ts";
import { objectPath, type VerityDigest } from "../format/digest.ts";
import {
  type Directory,
  type Leaf,
  type Metadata,
  makeDevice,
  NO_XATTRS,
  type Regular,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFREG,
} from "../format/node.ts";
import type { TarEntry } from "../format/tar/entry.ts";
import { baseName, normalizePath, parentPath } from "./path.ts";
import { PathResolver } from "./resolve.ts";
import { LayerChanges } from "./whiteout.ts";

export type Compat = "native" | "composefs-rs";

/** Where a regular file's content is; files without content have none. */
export type EntryContent = { readonly inline: ByteString } | { readonly external: VerityDigest };

const WHITEOUT_PREFIX = ".wh.";
const OPAQUE_MARKER = ".wh..wh..opq";
/** AUFS kept its own files under such names; they were never part of an image. */
const AUFS_PREFIX = ".wh..wh.";

const PERMISSIONS = 0o7777;

/**
 * Builds the tree that the layers add up to. While it is built, the names of one inode share one Leaf object; `finishTree`
 * settles which name owns it.
 */
export class TreeBuilder {
  readonly root: Directory;
  readonly #compat: Compat;
  readonly #changes = new LayerChanges();
  readonly #resolver: PathResolver;

  constructor(options: { compat: Compat }) {
    this.#compat = options.compat;
    this.root = makeDirectory({ mode: S_IFDIR, uid: 0, gid: 0, mtimeSec: 0n, mtimeNsec: 0, xattrs: NO_XATTRS });
    this.#resolver = new PathResolver(this.root, { native: options.compat === "native", changes: this.#changes });
  }

  beginLayer(): void {
    if (this.#compat === "native") this.#changes.begin();
    this.#resolver.forget();
  }

  endLayer(): void {
    this.#changes.end();
    this.#resolver.forget();
  }

  /**
   * @param content where the bytes of a regular file are; of an empty file and of anything else it is ignored.
   * @throws Oci2cfsError `bad-format` or `unsupported`, naming the path.
   */
  apply(entry: TarEntry, content: EntryContent | undefined): void {
    const path = normalizePath(entry.name);
    if (this.#compat === "composefs-rs") refuseForCompat(entry);
    if (path === "") return this.#applyRoot(entry);
    const name = baseName(path);
    if (name.startsWith(WHITEOUT_PREFIX)) return this.#applyWhiteout(path, name);
    if (this.#compat === "native" && path.startsWith(AUFS_PREFIX)) return;
    if (entry.type === "hardlink") return this.#applyHardLink(entry, path);
    const parent = this.#resolver.parentOf(path);
    const existing = parent.children.get(name);
    const metadata = this.#metadataOf(entry);
    if (entry.type === "directory" && existing?.kind === "directory") {
      // Its children stay; everything else is the entry's.
      Object.assign(existing, metadata);
    } else {
      const node = entry.type === "directory" ? makeDirectory(metadata) : makeLeaf(entry, { metadata, content });
      if (existing?.kind === "directory" || existing?.kind === "symlink") this.#resolver.forget();
      parent.children.set(name, node);
    }
    this.#changes.add(parent, name);
  }

  #applyRoot(entry: TarEntry): void {
    if (entry.type !== "directory") fail(entry.name, `is the root and a ${entry.type}`);
    Object.assign(this.root, this.#metadataOf(entry));
  }

  #metadataOf(entry: TarEntry): Metadata {
    // composefs-rs takes the mode field as it is, whatever its upper bits say.
    const permissions = this.#compat === "native" ? entry.mode & PERMISSIONS : entry.mode;
    const { uid, gid, mtimeSec, mtimeNsec } = entry;
    const xattrs = this.#compat === "native" ? entry.xattrs : entry.schilyXattrs;
    return { mode: typeBits(entry) | permissions, uid, gid, mtimeSec, mtimeNsec, xattrs };
  }

  #applyHardLink(entry: TarEntry, path: ByteString): void {
    const target = this.#resolver.findNoFollow(normalizePath(entry.linkname));
    if (target === undefined) fail(entry.name, `is a hard link to "${printable(entry.linkname)}", which is not there`);
    if (target.kind === "directory") fail(entry.name, `is a hard link to the directory "${printable(entry.linkname)}"`);
    const parent = this.#resolver.parentOf(path);
    const name = baseName(path);
    const existing = parent.children.get(name);
    if (existing?.kind === "directory" || existing?.kind === "symlink") this.#resolver.forget();
    parent.children.set(name, target);
    this.#changes.add(parent, name);
  }

  #applyWhiteout(path: ByteString, name: ByteString): void {
    const native = this.#compat === "native";
    if (native && name.startsWith(AUFS_PREFIX) && name !== AUFS_PREFIX && name !== OPAQUE_MARKER) return;
    const hidden = name.slice(WHITEOUT_PREFIX.length) as ByteString;
    if (hidden === "" || hidden === "." || hidden === "..") fail(path, "the whiteout names nothing");
    const directory = this.#resolver.findDirectory(parentPath(path));
    if (directory === undefined) {
      // Nothing is there to be hidden. composefs-rs wants the directory all the same.
      if (native) return;
      fail(path, "the directory of the whiteout is not there");
    }
    this.#resolver.forget();
    if (name === OPAQUE_MARKER) {
      if (native) this.#changes.hideChildren(directory);
      else directory.children.clear();
    } else if (native) this.#changes.hide(directory, hidden);
    else directory.children.delete(hidden);
  }
}

function refuseForCompat(entry: TarEntry): void {
  if (entry.sparse !== undefined) {
    throw new Oci2cfsError("unsupported", `"${printable(entry.name)}": composefs-rs does not take sparse files`);
  }
  if (entry.mtimeSec < 0n) fail(entry.name, "composefs-rs does not take times before 1970");
}

function fail(path: ByteString, message: string): never {
  throw new Oci2cfsError("bad-format", `"${printable(path).slice(0, 400)}": ${message}`);
}

function makeDirectory(metadata: Metadata): Directory {
  return { kind: "directory", ...metadata, children: new Map() };
}

function typeBits(entry: TarEntry): number {
  switch (entry.type) {
    case "directory":
      return S_IFDIR;
    case "symlink":
      return S_IFLNK;
    case "character":
      return S_IFCHR;
    case "block":
      return S_IFBLK;
    case "fifo":
      return S_IFIFO;
    default:
      return S_IFREG;
  }
}

function makeLeaf(
  entry: TarEntry,
  { metadata, content }: { metadata: Metadata; content: EntryContent | undefined },
): Leaf {
  switch (entry.type) {
    case "symlink":
      return { kind: "symlink", ...metadata, nlink: 1, target: entry.linkname };
    case "character":
    case "block":
      return { kind: entry.type, ...metadata, nlink: 1, rdev: makeDevice(entry.devMajor, entry.devMinor) };
    case "fifo":
      return { kind: "fifo", ...metadata, nlink: 1 };
    default:
      return makeRegular(entry, { metadata, content });
  }
}

function makeRegular(
  entry: TarEntry,
  { metadata, content }: { metadata: Metadata; content: EntryContent | undefined },
): Regular {
  const { size } = entry;
  const file: Regular = {
    kind: "regular",
    ...metadata,
    nlink: 1,
    size,
    content: undefined,
    payload: undefined,
    digest: undefined,
  };
  if (size === 0) return file;
  if (content === undefined) fail(entry.name, `nothing says where its ${size} bytes are`);
  if ("inline" in content) {
    const { length } = content.inline;
    if (length !== size) fail(entry.name, `a file of ${size} bytes has content of ${length}`);
    file.content = content.inline;
  } else {
    file.payload = objectPath(content.external) as ByteString;
    file.digest = content.external;
  }
  return file;
}
