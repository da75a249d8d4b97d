// Layers to one composefs image: layer records are applied in order to a tree, the tree is finished by the OCI rules,
// and the EROFS image is written. Pure but for reading what the records refer to.

import type { HashAlgorithm, VerityDigest } from "./format/digest.ts";
import { writeErofs } from "./format/erofs/write.ts";
import type { Directory } from "./format/node.ts";
import { verityDigest } from "./format/verity.ts";
import { readLayer } from "./ingest/read-layer.ts";
import { type Compat, TreeBuilder } from "./tree/build.ts";
import { finishTree } from "./tree/finish.ts";

export type { Compat };
export type ErofsVersion = 0 | 1;
export type XattrMode = "allowlist" | "keep-user" | "all";

export interface ComposeOptions {
  readonly algorithm: HashAlgorithm;
  readonly erofsVersion: ErofsVersion;
  readonly bootable: boolean;
  readonly xattrs: XattrMode;
  readonly compat: Compat;
  /** Gives an object's content, for the few files whose text the rules look at. */
  readContent(digest: VerityDigest): Buffer;
}

export interface ComposedImage {
  readonly bytes: Buffer;
  readonly digest: VerityDigest;
}

/** @param records layer records (whole splitstream files), lowest layer first; read one at a time. */
export function composeImage(records: Iterable<Buffer>, options: ComposeOptions): ComposedImage {
  const tree = composeTree(records, options);
  // Version 0 becomes 1 by itself when the tree has whiteouts, as mkcomposefs does by default.
  const bytes = writeErofs(tree, { minVersion: options.erofsVersion, maxVersion: 1 });
  return { bytes, digest: verityDigest(bytes, options.algorithm) };
}

export function composeTree(records: Iterable<Buffer>, options: ComposeOptions): Directory {
  const builder = new TreeBuilder({ compat: options.compat });
  for (const record of records) {
    builder.beginLayer();
    readLayer(record, (entry, content) => builder.apply(entry, content));
    builder.endLayer();
  }
  return finishTree(builder.root, options);
}
