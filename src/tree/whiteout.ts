// What the layer being applied has changed, so that its whiteouts hide only what lower layers brought (the rule of
// containers/storage, which unpacks and remembers). Kept per directory and only for directories that the layer touches; the
// lowest layer hides nothing, so nothing is kept for it.

import type { ByteString } from "../format/bytes.ts";
import type { Directory } from "../format/node.ts";
import { IMPLIED } from "./resolve.ts";

export class LayerChanges {
  #layers = 0;
  /** For each directory that has something of this layer in or below it: the names that this layer brought. */
  readonly #names = new Map<Directory, Set<ByteString>>();

  begin(): void {
    this.#layers++;
    this.#names.clear();
  }

  end(): void {
    this.#names.clear();
  }

  /** Something below all of these directories is this layer's. */
  touch(trail: readonly Directory[]): void {
    if (this.#layers === 1) return;
    for (const directory of trail) if (!this.#names.has(directory)) this.#names.set(directory, new Set());
  }

  /** This layer has an entry for the name. */
  add(directory: Directory, name: ByteString): void {
    this.#names.get(directory)?.add(name);
  }

  /** Takes away what lower layers brought under a name. */
  hide(directory: Directory, name: ByteString): void {
    if (this.#layers === 1) return;
    const child = directory.children.get(name);
    if (child === undefined) return;
    const isOurs = this.#names.get(directory)?.has(name) === true;
    if (child.kind === "directory" && (isOurs || this.#names.has(child))) {
      this.hideChildren(child);
      // The directory itself is gone; what is ours in it stays, as if it had been put there with nothing around.
      if (!isOurs) Object.assign(child, IMPLIED);
    } else if (!isOurs) {
      directory.children.delete(name);
    }
  }

  /** Takes away all that lower layers brought into a directory. */
  hideChildren(directory: Directory): void {
    if (this.#layers === 1) return;
    for (const name of [...directory.children.keys()]) this.hide(directory, name);
  }
}
