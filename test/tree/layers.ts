// Tar entries and layers, for the tests of the tree rules.

import { type ByteString, encodeText } from "../../src/format/bytes.ts";
import { formatDump } from "../../src/format/dump.ts";
import { type Directory, NO_XATTRS, type Xattrs } from "../../src/format/node.ts";
import type { TarEntry } from "../../src/format/tar/entry.ts";
import { type Compat, type EntryContent, TreeBuilder } from "../../src/tree/build.ts";
import { type FinishOptions, finishTree } from "../../src/tree/finish.ts";

export type Item = TarEntry | readonly [TarEntry, EntryContent];
export type Layer = readonly Item[];

export function entry(type: TarEntry["type"], name: string, more: Partial<TarEntry> = {}): TarEntry {
  return {
    type,
    name: encodeText(name),
    linkname: "" as ByteString,
    mode: type === "directory" ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    mtimeSec: 0n,
    mtimeNsec: 0,
    devMajor: 0,
    devMinor: 0,
    size: 0,
    storedSize: 0,
    sparse: undefined,
    xattrs: NO_XATTRS,
    schilyXattrs: more.xattrs ?? NO_XATTRS,
    offset: 0,
    ...more,
  };
}

export const directory = (name: string, more: Partial<TarEntry> = {}): TarEntry => entry("directory", name, more);
/** An empty file that tells where it came from by its owner. */
export const file = (name: string, uid = 0): TarEntry => entry("regular", name, { uid });
export const symlink = (name: string, target: string): TarEntry =>
  entry("symlink", name, { linkname: encodeText(target) });
export const hardlink = (name: string, target: string): TarEntry =>
  entry("hardlink", name, { linkname: encodeText(target) });

/** A file whose content lies inside the image. */
export function text(name: string, content: string): Item {
  const inline = encodeText(content);
  return [entry("regular", name, { size: inline.length, storedSize: inline.length }), { inline }];
}

export const xattrs = (values: Readonly<Record<string, string>>): Xattrs =>
  new Map(Object.entries(values).map(([name, value]) => [encodeText(name), encodeText(value)]));

export function build(layers: readonly Layer[], compat: Compat = "native"): Directory {
  const builder = new TreeBuilder({ compat });
  for (const layer of layers) {
    builder.beginLayer();
    for (const item of layer) {
      if ("type" in item) builder.apply(item, undefined);
      else builder.apply(...item);
    }
    builder.endLayer();
  }
  return builder.root;
}

export function finish(root: Directory, more: Partial<FinishOptions> = {}): Directory {
  const readContent = (): Buffer => {
    throw new Error("not asked for");
  };
  return finishTree(root, { compat: "native", xattrs: "allowlist", bootable: false, readContent, ...more });
}

/** The canonical text: equal for equal trees. */
export function textOf(root: Directory): string {
  return Buffer.concat([...formatDump(root)]).toString("latin1");
}
