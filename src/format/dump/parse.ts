// composefs-dump(5) text to a tree, accepting what mkcomposefs 1.0.8 accepts on purpose. What it takes by accident
// (missing fields, malformed digests, numbers with letters) is refused here.

import { Oci2cfsError } from "../../errors.ts";
import { type ByteString, printable } from "../bytes.ts";
import { MAX_NAME_LENGTH } from "../erofs/layout.ts";
import type { Directory, HardLink, Leaf, Node } from "../node.ts";
import { DumpFault, fail, parseLinkTarget, parseNode, splitFields, unescapeBytes } from "./fields.ts";

const NEWLINE = 0x0a;

/** Longer lines cannot be valid: 64 KiB of xattrs and a path and content of a few KiB, four characters a byte. */
const MAX_LINE_LENGTH = 1024 * 1024;

/**
 * @param text the whole dump; the last newline may be missing.
 * @throws Oci2cfsError `bad-format` with the line number.
 */
export function parseDump(text: Buffer): Directory {
  const parser = new DumpParser();
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf(NEWLINE, start);
    const end = newline < 0 ? text.length : newline;
    parser.addLine(text, start, end);
    start = end + 1;
  }
  return parser.finish();
}

/** A hard link whose target is not known yet: it may come later, and may be a hard link itself. */
interface PendingLink {
  readonly node: HardLink;
  readonly target: ByteString;
  readonly line: number;
}

/** Stands in for the target so that the link's name counts as taken. */
const UNRESOLVED = { kind: "fifo" } as Leaf;

class DumpParser {
  #line = 0;
  #root: Directory | undefined;
  readonly #links = new Map<HardLink, PendingLink>();
  /** Most lines follow a sibling: remembering the last parent saves the walk down to it. */
  #lastParentPath = "";
  #lastParent: Directory | undefined;

  addLine(text: Buffer, start: number, end: number): void {
    this.#line++;
    try {
      if (end - start > MAX_LINE_LENGTH) fail(`${end - start} bytes are too long for a line`);
      this.#addEntry(splitFields(text.toString("latin1", start, end)));
    } catch (error) {
      throw this.#located(this.#line, error);
    }
  }

  #located(line: number, error: unknown): unknown {
    return error instanceof DumpFault ? new Oci2cfsError("bad-format", `dump: line ${line}: ${error.message}`) : error;
  }

  #addEntry(fields: readonly string[]): void {
    const path = unescapeBytes(fields[0] ?? "", { cut: true });
    const link = parseLinkTarget(fields);
    if (this.#root === undefined) {
      this.#root = this.#parseRoot(path, fields);
      return;
    }
    const { parent, name } = this.#place(path);
    if (link === undefined) {
      parent.children.set(name, parseNode(fields));
      return;
    }
    const node: HardLink = { kind: "hardlink", target: UNRESOLVED };
    parent.children.set(name, node);
    this.#links.set(node, { node, target: link, line: this.#line });
  }

  #parseRoot(path: ByteString, fields: readonly string[]): Directory {
    if (!isRoot(path)) fail(`the first entry is "${printable(path)}" instead of "/"`);
    const node = parseLinkTarget(fields) === undefined ? parseNode(fields) : undefined;
    if (node?.kind !== "directory") fail("the root is not a directory");
    return node;
  }

  /** The directory that an entry goes into, and its name there. */
  #place(path: ByteString): { parent: Directory; name: ByteString } {
    if (isRoot(path)) fail("a second root");
    const slash = path.lastIndexOf("/");
    const name = path.slice(slash + 1) as ByteString;
    if (name === "") fail(`path "${printable(path)}" ends with a slash`);
    if (name === "." || name === "..") fail(`path "${printable(path)}" has a "${name}"`);
    if (name.length > MAX_NAME_LENGTH) fail(`a name of ${name.length} bytes, more than ${MAX_NAME_LENGTH}`);
    const parentPath = path.slice(0, slash + 1);
    if (this.#lastParent === undefined || parentPath !== this.#lastParentPath) {
      this.#lastParent = this.#findParent(parentPath);
      this.#lastParentPath = parentPath;
    }
    const parent = this.#lastParent;
    if (parent.children.has(name)) fail(`"${printable(path)}" is there twice`);
    return { parent, name };
  }

  #findParent(path: string): Directory {
    const node = this.#lookup(path);
    if (node === undefined) fail(`no entry for the directory "${printable(path as ByteString)}" before this one`);
    if (node.kind !== "directory") fail(`"${printable(path as ByteString)}" is not a directory`);
    return node;
  }

  #lookup(path: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const part of path.split("/")) {
      if (part === "") continue;
      node = node?.kind === "directory" ? node.children.get(part as ByteString) : undefined;
    }
    return node;
  }

  finish(): Directory {
    if (this.#root === undefined) throw new Oci2cfsError("bad-format", `dump: line ${this.#line + 1}: no root entry`);
    for (const link of this.#links.values()) {
      try {
        this.#resolve(link);
      } catch (error) {
        throw this.#located(link.line, error);
      }
    }
    return this.#root;
  }

  /** Follows a chain of links once: all of them get the target, so that long chains stay linear. */
  #resolve(first: PendingLink): void {
    const chain = new Set<PendingLink>();
    for (let link: PendingLink | undefined = first; link !== undefined; ) {
      if (chain.has(link)) fail("the hard link leads to itself");
      chain.add(link);
      const found = this.#lookup(link.target);
      if (found === undefined) fail(`no entry for the hard link's target "${printable(link.target)}"`);
      if (found.kind === "directory") fail(`the hard link's target "${printable(link.target)}" is a directory`);
      const leaf: Leaf = found.kind === "hardlink" ? found.target : found;
      if (leaf !== UNRESOLVED) {
        for (const { node } of chain) node.target = leaf;
        return;
      }
      link = found.kind === "hardlink" ? this.#links.get(found) : undefined;
    }
  }
}

function isRoot(path: ByteString): boolean {
  return /^\/+$/.test(path);
}
