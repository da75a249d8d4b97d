// Random file-system trees for properties: all kinds of inode, bytes in names, xattrs, hard links.

import fc from "fast-check";
import { type ByteString, bytesOf } from "../../src/format/bytes.ts";
import type { VerityDigest } from "../../src/format/digest.ts";
import {
  type Directory,
  type Leaf,
  NO_XATTRS,
  type Node,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFREG,
  S_IFSOCK,
} from "../../src/format/node.ts";

const byteString = (options: { minLength?: number; maxLength: number }): fc.Arbitrary<ByteString> =>
  fc.uint8Array(options).map((bytes) => bytesOf(Buffer.from(bytes)));

const name = fc
  .oneof(fc.stringMatching(/^[a-z0-9.]{1,6}$/), byteString({ minLength: 1, maxLength: 40 }))
  .map((text) => text.replace(/[/\0]/g, "_") as ByteString)
  .filter((text) => text !== "." && text !== "..");

const xattrName = fc
  .tuple(
    fc.constantFrom("user.", "security.", "trusted.", "system.", "trusted.overlay."),
    fc.stringMatching(/^[a-z=]{1,5}$/),
  )
  .map(([prefix, rest]) => (prefix + rest) as ByteString)
  // Names that the writer gives a meaning do not come back as they were.
  .filter((full) => !/^(?:trusted\.overlay\.|user\.overlay\.)(?:whiteouts?|opaque|metacopy|redirect)$/.test(full));

const metadata = fc.record({
  permissions: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.constantFrom(0, 1000, 65536, 2 ** 32 - 1),
  gid: fc.constantFrom(0, 5, 65535),
  mtimeSec: fc.constantFrom(0n, 1_700_000_000n, -5n, 2n ** 40n),
  mtimeNsec: fc.constantFrom(0, 5, 999_999_999),
  xattrs: fc
    .array(fc.tuple(xattrName, byteString({ maxLength: 20 })), { maxLength: 4 })
    .map((pairs) => (pairs.length === 0 ? NO_XATTRS : new Map(pairs))),
});

type Stat = typeof metadata extends fc.Arbitrary<infer T> ? T : never;

function stat({ permissions, ...rest }: Stat, type: number): Omit<Stat, "permissions"> & { mode: number } {
  return { ...rest, mode: type | permissions };
}

const digest = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString("hex") as VerityDigest);

const leaf: fc.Arbitrary<Leaf> = fc.oneof(
  fc.tuple(metadata, byteString({ minLength: 1, maxLength: 100 })).map(([meta, content]): Leaf => {
    return {
      kind: "regular",
      ...stat(meta, S_IFREG),
      nlink: 1,
      size: content.length,
      content,
      payload: undefined,
      digest: undefined,
    };
  }),
  fc.tuple(metadata, digest, fc.integer({ min: 65, max: 2 ** 45 })).map(([meta, hex, size]): Leaf => {
    const payload = `${hex.slice(0, 2)}/${hex.slice(2)}` as ByteString;
    return { kind: "regular", ...stat(meta, S_IFREG), nlink: 1, size, content: undefined, payload, digest: hex };
  }),
  fc.tuple(metadata, byteString({ minLength: 1, maxLength: 300 })).map(([meta, target]): Leaf => {
    return { kind: "symlink", ...stat(meta, S_IFLNK), nlink: 1, target: target.replaceAll("\0", "n") as ByteString };
  }),
  fc
    .tuple(
      metadata,
      fc.constantFrom<"character" | "block">("character", "block"),
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    )
    .map(
      ([meta, kind, rdev]): Leaf => ({ kind, ...stat(meta, kind === "character" ? S_IFCHR : S_IFBLK), nlink: 1, rdev }),
    ),
  fc.tuple(metadata, fc.constantFrom<"fifo" | "socket">("fifo", "socket")).map(([meta, kind]): Leaf => {
    return { kind, ...stat(meta, kind === "fifo" ? S_IFIFO : S_IFSOCK), nlink: 1 };
  }),
);

const { directory } = fc.letrec<{ directory: Directory; node: Node }>((tie) => ({
  node: fc.oneof({ depthSize: "small", withCrossShrink: true }, leaf, tie("directory")),
  directory: fc
    .tuple(metadata, fc.dictionary(name, tie("node"), { maxKeys: 8, noNullPrototype: true }))
    .map(([meta, children]) => {
      const entries = Object.entries(children) as [ByteString, Node][];
      return { kind: "directory" as const, ...stat(meta, S_IFDIR), children: new Map(entries) };
    }),
}));

/** A tree whose leaves own their first name, depth first, and may have further ones at the end of the root. */
export const randomTree: fc.Arbitrary<Directory> = fc.tuple(directory, fc.nat(3)).map(([root, links]) => {
  const leaves: Leaf[] = [];
  const collect = (node: Directory): void => {
    for (const child of node.children.values()) {
      if (child.kind === "directory") collect(child);
      else if (child.kind !== "hardlink") leaves.push(child);
    }
  };
  collect(root);
  // The last names of all, so that the owner comes first.
  for (const [index, target] of leaves.slice(0, links).entries()) {
    root.children.set(`\xff\xff${index}` as ByteString, { kind: "hardlink", target });
  }
  return root;
});
