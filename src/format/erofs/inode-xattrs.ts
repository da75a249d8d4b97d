// The xattrs of all inodes, by inode number. The metacopy and redirect that every external file gets differ from file to
// file, so they stay unmade until they are written: made at once for 400,000 files they cost 200 MB and two seconds of CPU.

import type { ByteString } from "../bytes.ts";
import type { VerityDigest } from "../digest.ts";
import type { Directory, Leaf } from "../node.ts";
import { MAX_SHARED_XATTRS, XATTR_HEADER_SIZE, XATTR_METACOPY, XATTR_REDIRECT } from "./layout.ts";
import { type ExternalFile, isExternal, metacopyLength, metacopyValue, redirectValue } from "./overlay.ts";
import { entrySize, type XattrName, type XattrPair, XattrTable, xattrBlockSize } from "./xattrs.ts";

export class InodeXattrs {
  readonly table: XattrTable = new XattrTable();
  /** What an inode has besides metacopy and redirect, in the byte order of the full names. */
  readonly #own: (readonly XattrPair[])[] = [];
  readonly #metacopy: Column = new Column(this.table, XATTR_METACOPY, (key) => metacopyValue(digestOf(key)));
  readonly #redirect: Column = new Column(this.table, XATTR_REDIRECT, redirectValue);

  /** Adds the next inode's. */
  add(inode: Directory | Leaf, own: readonly XattrPair[]): void {
    const ino = this.#own.push(own) - 1;
    if (!isExternal(inode)) return;
    const { digest, payload } = inode;
    this.#metacopy.add(ino, digest ?? "");
    if (payload) this.#redirect.add(ino, payload);
  }

  /** Size in bytes of an inode's xattr block, once all inodes are added. */
  sizeOf(ino: number, inode: Directory | Leaf): number {
    const own = this.#own[ino] ?? [];
    if (!isExternal(inode)) return xattrBlockSize(own);
    if (own.length + 2 > MAX_SHARED_XATTRS) return xattrBlockSize(this.pairsOf(ino, inode));
    const { digest, payload } = inode;
    return (
      (xattrBlockSize(own) || XATTR_HEADER_SIZE) +
      this.#metacopy.sizeOf(ino, metacopyLength(digest)) +
      (payload ? this.#redirect.sizeOf(ino, 1 + payload.length) : 0)
    );
  }

  /** An inode's pairs in the byte order of their full names. */
  pairsOf(ino: number, inode: Directory | Leaf): readonly XattrPair[] {
    const own = this.#own[ino] ?? [];
    return isExternal(inode) ? this.#merge(ino, inode, own) : own;
  }

  #merge(ino: number, { digest, payload }: ExternalFile, own: readonly XattrPair[]): XattrPair[] {
    const pairs: XattrPair[] = [];
    let next = 0;
    const takeBefore = (name: ByteString): void => {
      for (let pair = own[next]; pair !== undefined && pair.name.full < name; pair = own[next]) {
        pairs.push(pair);
        next++;
      }
    };
    takeBefore(XATTR_METACOPY);
    pairs.push(this.#metacopy.pairOf(ino, digest ?? ""));
    if (payload) {
      takeBefore(XATTR_REDIRECT);
      pairs.push(this.#redirect.pairOf(ino, payload));
    }
    for (; next < own.length; next++) pairs.push(own[next] as XattrPair);
    return pairs;
  }
}

/** The values of one name of which nearly all are used once: only those used again become pairs of the table. */
class Column {
  readonly #table: XattrTable;
  readonly #name: XattrName;
  readonly #makeValue: (key: string) => ByteString;
  /** By the key from which the value is made: the inode that uses it, or the pair when several do. */
  readonly #users = new Map<string, number | XattrPair>();
  readonly #shared = new Map<number, XattrPair>();

  constructor(table: XattrTable, name: ByteString, makeValue: (key: string) => ByteString) {
    this.#table = table;
    this.#name = table.name(name);
    this.#makeValue = makeValue;
  }

  add(ino: number, key: string): void {
    const user = this.#users.get(key);
    if (user === undefined) {
      this.#users.set(key, ino);
      return;
    }
    const pair = typeof user === "number" ? this.#table.use(this.#name.full, this.#makeValue(key)) : user;
    pair.uses++;
    this.#shared.set(ino, pair);
    if (typeof user !== "number") return;
    this.#shared.set(user, pair);
    this.#users.set(key, pair);
  }

  pairOf(ino: number, key: string): XattrPair {
    return this.#shared.get(ino) ?? { name: this.#name, value: this.#makeValue(key), uses: 1, sharedId: 0 };
  }

  sizeOf(ino: number, valueLength: number): number {
    return this.#shared.has(ino) ? 4 : entrySize(this.#name, valueLength);
  }
}

function digestOf(key: string): VerityDigest | undefined {
  return key === "" ? undefined : (key as VerityDigest);
}
