// Finding the directory that a path's last part is in. Natively symlinks on the way are followed without ever leaving the
// image (as umoci's securejoin does), and what is missing is made; composefs-rs does neither.

import { Oci2cfsError } from "../errors.ts";
import { type ByteString, printable } from "../format/bytes.ts";
import type { Directory, Node } from "../format/node.ts";
import { makeImpliedDirectory } from "./implied.ts";
import { baseName, parentPath } from "./path.ts";
import type { LayerChanges } from "./whiteout.ts";

/** As the kernel's limit (MAXSYMLINKS). */
const MAX_SYMLINKS = 40;

/** How far a path leads: the directories from the root on, and the names behind them that are not there. */
interface Trail {
  readonly directories: Directory[];
  readonly missing: ByteString[];
  /** What ends the path early: it cannot be gone through. */
  readonly obstacle: { readonly name: ByteString; readonly kind: Node["kind"] } | undefined;
  /** How many symlinks were followed. */
  readonly symlinks: number;
}

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
    this.#lastParent = undefined;
  }

  /**
   * The directory for a new entry, which counts as touched by this layer.
   * @throws Oci2cfsError `bad-format`
   */
  parentOf(path: ByteString): Directory {
    const wanted = parentPath(path);
    if (wanted === this.#lastPath && this.#lastParent !== undefined) return this.#lastParent;
    const { directories, missing, obstacle, symlinks } = this.#walk(wanted, path);
    if (obstacle !== undefined) fail(path, `"${printable(obstacle.name)}" on the way to it is a ${obstacle.kind}`);
    if (missing.length > 0 && !this.#native) fail(path, `its directory "${printable(wanted)}" is not there`);
    for (const directory of directories) this.#changes.touch(directory);
    let parent = directories.at(-1) ?? this.#root;
    for (const name of missing) {
      const made = makeImpliedDirectory();
      parent.children.set(name, made);
      this.#changes.touch(made);
      parent = made;
    }
    if (symlinks > 0) {
      // What a link like `b/x/..` leads to depends on what becomes of `x`.
      this.forget();
    } else {
      this.#lastPath = wanted;
      this.#lastParent = parent;
    }
    return parent;
  }

  /**
   * A directory that is there, for a whiteout: nothing is below what is no directory.
   * @throws Oci2cfsError `bad-format`
   */
  findDirectory(path: ByteString): Directory | undefined {
    const { directories, missing, obstacle } = this.#walk(path, path);
    return missing.length === 0 && obstacle === undefined ? directories.at(-1) : undefined;
  }

  /**
   * What a path leads to, its last part not followed.
   * @throws Oci2cfsError `bad-format`
   */
  findNoFollow(path: ByteString): Node | undefined {
    return path === "" ? this.#root : this.findDirectory(parentPath(path))?.children.get(baseName(path));
  }

  #walk(path: ByteString, entry: ByteString): Trail {
    const directories: Directory[] = [this.#root];
    const missing: ByteString[] = [];
    const pending = path === "" ? [] : path.split("/").reverse();
    let symlinks = 0;
    for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
      if (part === "" || part === ".") continue;
      if (part === "..") {
        // Only symlink targets have these. Above the root is the root, and what is missing is not made to be left again.
        if (missing.pop() === undefined && directories.length > 1) directories.pop();
        continue;
      }
      const name = part as ByteString;
      const child = missing.length > 0 ? undefined : directories.at(-1)?.children.get(name);
      if (child === undefined) {
        missing.push(name);
      } else if (child.kind === "directory") {
        directories.push(child);
      } else if (child.kind === "symlink" && this.#native) {
        if (++symlinks > MAX_SYMLINKS) fail(entry, "too many symlinks on the way to it");
        if (child.target.startsWith("/")) directories.length = 1;
        for (const step of child.target.split("/").reverse()) pending.push(step);
      } else {
        return { directories, missing, obstacle: { name, kind: child.kind }, symlinks };
      }
    }
    return { directories, missing, obstacle: undefined, symlinks };
  }
}

function fail(path: ByteString, message: string): never {
  throw new Oci2cfsError("bad-format", `"${printable(path).slice(0, 400)}": ${message}`);
}
