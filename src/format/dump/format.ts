// A tree to composefs-dump(5) text in the canonical form that `composefs-info dump` prints: depth first, names in byte
// order, and for the further names of an inode its fields again with `@` and the path of the first name.

import type { ByteString } from "../bytes.ts";
import type { Directory, Leaf, Node } from "../node.ts";

/** Lines are joined to pieces of about this size. */
const PIECE_SIZE = 256 * 1024;

/** The dump in pieces, so that a large image's text is never whole in memory. */
export function* formatDump(root: Directory): Generator<Buffer> {
  const formatter = new Formatter(root);
  let piece = "";
  for (const line of formatter.lines()) {
    piece += line;
    if (piece.length < PIECE_SIZE) continue;
    yield Buffer.from(piece, "latin1");
    piece = "";
  }
  if (piece !== "") yield Buffer.from(piece, "latin1");
}

class Formatter {
  readonly #root: Directory;
  /** Inodes with several names, and the name under which each came first. */
  readonly #paths = new Map<Leaf, string | undefined>();

  constructor(root: Directory) {
    this.#root = root;
    const pending: Directory[] = [root];
    for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
      for (const child of directory.children.values()) {
        if (child.kind === "directory") pending.push(child);
        else if (child.kind === "hardlink") this.#paths.set(child.target, undefined);
      }
    }
  }

  *lines(): Generator<string> {
    yield `/ ${directoryFields(this.#root)}\n`;
    const stack = [{ path: "/", directory: this.#root, names: sortedNames(this.#root), next: 0 }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const name = top.names[top.next++];
      if (name === undefined) {
        stack.pop();
        continue;
      }
      const path = top.path + escapeBytes(name, "path");
      const child = top.directory.children.get(name) as Node;
      if (child.kind === "directory") {
        yield `${path} ${directoryFields(child)}\n`;
        stack.push({ path: `${path}/`, directory: child, names: sortedNames(child), next: 0 });
      } else {
        yield `${path} ${this.#leafFields(child.kind === "hardlink" ? child.target : child, path)}\n`;
      }
    }
  }

  #leafFields(leaf: Leaf, path: string): string {
    const first = this.#paths.get(leaf);
    if (first === undefined && this.#paths.has(leaf)) this.#paths.set(leaf, path);
    const regular = leaf.kind === "regular" ? leaf : undefined;
    const size = regular?.size ?? (leaf.kind === "symlink" ? leaf.target.length : 0);
    const rdev = leaf.kind === "character" || leaf.kind === "block" ? leaf.rdev : 0;
    const payload = leaf.kind === "symlink" ? leaf.target : regular?.payload;
    const mode = `${first === undefined ? "" : "@"}${leaf.mode.toString(8)}`;
    const owner = `${leaf.nlink} ${leaf.uid} ${leaf.gid} ${rdev} ${leaf.mtimeSec}.${leaf.mtimeNsec}`;
    const target = first ?? (payload === undefined ? "-" : escapeBytes(payload, "field"));
    const content =
      regular?.content === undefined || regular.content === "" ? "-" : escapeBytes(regular.content, "field");
    return `${size} ${mode} ${owner} ${target} ${content} ${regular?.digest ?? "-"}${xattrFields(leaf)}`;
  }
}

function sortedNames(directory: Directory): ByteString[] {
  return [...directory.children.keys()].sort();
}

function directoryFields(directory: Directory): string {
  let nlink = 2;
  for (const child of directory.children.values()) if (child.kind === "directory") nlink++;
  const { mode, uid, gid, mtimeSec, mtimeNsec } = directory;
  return `${directory.size ?? 0} ${mode.toString(8)} ${nlink} ${uid} ${gid} 0 ${mtimeSec}.${mtimeNsec} - - -${xattrFields(directory)}`;
}

function xattrFields(node: Directory | Leaf): string {
  if (node.xattrs.size === 0) return "";
  // In the order that the reader of an image gave them.
  return [...node.xattrs]
    .map(([name, value]) => ` ${escapeBytes(name, "xattr")}=${escapeBytes(value, "xattr")}`)
    .join("");
}

const shortEscapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escapeBytes(bytes: ByteString, where: "path" | "field" | "xattr"): string {
  // A lone dash means "not set" where a field can be that.
  if (where === "field" && bytes === "-") return "\\x2d";
  const special = where === "xattr" ? /[^!-<>-[\]-~]/g : /[^!-[\]-~]/g;
  return bytes.replace(
    special,
    (char) => shortEscapes[char] ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
