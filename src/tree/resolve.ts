// Finding the directory that a path's last part is in. Natively symlinks on the way are followed without ever leaving the
// image (as umoci's securejoin and containers/storage do), and what is missing is made; composefs-rs does neither.

import { Oci2cfsError } from "../errors.ts";
import { type ByteString, printable } from "../format/bytes.ts";
import { type Directory, type Metadata, NO_XATTRS, type Node, S_IFDIR } from "../format/node.ts";
import { baseName, parentPath } from "./path.ts";
import type { LayerChanges } from "./whiteout.ts";

/** As the kernel's limit (MAXSYMLINKS). */
const MAX_SYMLINKS = 40;

/** What a directory is that no layer has an entry for. */
export function makeImpliedDirectory(): Directory {
  return { kind: "directory", ...IMPLIED, children: new Map() };
}

export const IMPLIED: Readonly<Metadata> = {
  mode: S_IFDIR | 0o755,
  uid: 0,
  gid: 0,
  mtimeSec: 0n,
  mtimeNsec: 0,
  xattrs: NO_XATTRS,
};

export class PathResolver {
  readonly #root: Directory;
  readonly #native: boolean;
  readonly #changes: LayerChanges;
  /** Entries come directory by directory: the last parent is mostly the next one's. */
  #lastPath: ByteString | undefined;
  #lastParent: Directory | undefined;

  constructor(root: Directory, options: { native: boolean; changes: LayerChanges }) {
    this.#root = root;
    this.#native = options.native;
    this.#changes = options.changes;
  }

  /** To be called when a directory or symlink was taken away: what is remembered may lie below it. */
  forget(): void {
    this.#lastPath = undefined;
  }

  /**
   * The directory for a new entry, which counts as changed by this layer.
   * @throws Oci2cfsError `bad-format`
   */
  parentOf(path: ByteString): Directory {
    const wanted = parentPath(path);
    if (wanted === this.#lastPath && this.#lastParent !== undefined) return this.#lastParent;
    const trail = this.#walk(wanted, path, { create: this.#native });
    const parent = trail?.at(-1);
    if (trail === undefined || parent === undefined) fail(path, `its directory "${printable(wanted)}" is not there`);
    this.#changes.touch(trail);
    this.#lastPath = wanted;
    this.#lastParent = parent;
    return parent;
  }

  /** A directory that is there, for a whiteout. */
  findDirectory(path: ByteString): Directory | undefined {
    return this.#walk(path, path, { create: false })?.at(-1);
  }

  /** What a path leads to, its last part not followed. */
  findNoFollow(path: ByteString): Node | undefined {
    if (path === "") return this.#root;
    return this.#walk(parentPath(path), path, { create: false })?.at(-1)?.children.get(baseName(path));
  }

  /** The directories from the root to the path's end; undefined when one is missing and is not to be made. */
  #walk(path: ByteString, entry: ByteString, options: { create: boolean }): Directory[] | undefined {
    const trail: Directory[] = [this.#root];
    const pending: string[] = path === "" ? [] : path.split("/").reverse();
    let symlinks = 0;
    for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
      if (part === "" || part === ".") continue;
      if (part === "..") {
        // Only symlink targets have these; above the root is the root.
        if (trail.length > 1) trail.pop();
        continue;
      }
      const directory = trail.at(-1) as Directory;
      let child = directory.children.get(part as ByteString);
      if (child === undefined) {
        if (!options.create) return undefined;
        child = makeImpliedDirectory();
        directory.children.set(part as ByteString, child);
        this.#changes.touch(trail);
        this.#changes.add(directory, part as ByteString);
      }
      if (child.kind === "directory") {
        trail.push(child);
      } else if (child.kind === "symlink" && this.#native) {
        if (++symlinks > MAX_SYMLINKS) fail(entry, "too many symlinks on the way to it");
        if (child.target.startsWith("/")) trail.length = 1;
        for (const step of child.target.split("/").reverse()) pending.push(step);
      } else if (this.#native && !options.create) {
        // Nothing lies below a file: nothing that could be hidden or linked to.
        return undefined;
      } else {
        fail(entry, `"${printable(part as ByteString)}" on the way to it is a ${child.kind}`);
      }
    }
    return trail;
  }
}

function fail(path: ByteString, message: string): never {
  throw new Oci2cfsError("bad-format", `"${printable(path).slice(0, 400)}": ${message}`);
}
