// What the layer being applied has brought, so that its whiteouts hide only what lower layers brought (the rule of umoci,
// and of containers/storage for opaque directories, which unpack and remember). Kept per directory and only for directories
// that the layer touches; the lowest layer hides nothing, so nothing is kept for it.

import type { ByteString } from "../format/bytes.ts";
import type { Directory } from "../format/node.ts";
import { IMPLIED } from "./implied.ts";

export class LayerChanges {
  #begun = false;
  /** There is a layer below the one being applied. */
  #tracking = false;
  /** For each directory that has something of this layer in or below it: the names that this layer brought. */
  readonly #names = new Map<Directory, Set<ByteString>>();

  begin(): void {
    this.#tracking = this.#begun;
    this.#begun = true;
    this.#names.clear();
  }

  end(): void {
    this.#names.clear();
  }

  /** Something in or below the directory is this layer's. */
  touch(directory: Directory): void {
    if (this.#tracking && !this.#names.has(directory)) this.#names.set(directory, new Set());
  }

  /** This layer has an entry for the name. The directory was touched. */
  add(directory: Directory, name: ByteString): void {
    this.#names.get(directory)?.add(name);
  }

  /** Takes away what lower layers brought under a name. */
  hide(directory: Directory, name: ByteString): void {
    if (!this.#tracking) return;
    const kept = this.#hideName(directory, name);
    if (kept !== undefined) this.hideChildren(kept);
  }

  /** Takes away all that lower layers brought into a directory. */
  hideChildren(directory: Directory): void {
    if (!this.#tracking) return;
    // No recursion: a tar can nest directories deeper than the stack goes.
    const pending = [directory];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      for (const name of next.children.keys()) {
        const kept = this.#hideName(next, name);
        if (kept !== undefined) pending.push(kept);
      }
    }
  }

  /** Returns the child when it is a directory that stays, and so has children left to hide. */
  #hideName(directory: Directory, name: ByteString): Directory | undefined {
    const child = directory.children.get(name);
    const isOurs = this.#names.get(directory)?.has(name) === true;
    if (child?.kind === "directory" && (isOurs || this.#names.has(child))) {
      // A directory of lower layers is gone itself; what is ours in it stays, as if nothing had been around it.
      if (!isOurs) Object.assign(child, IMPLIED);
      return child;
    }
    if (!isOurs) directory.children.delete(name);
    return undefined;
  }
}
