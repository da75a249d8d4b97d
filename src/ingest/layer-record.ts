// The layer record: one splitstream (content type "ocilayer") from which the layer's tar can be rebuilt bit for bit and
// its entries read without inflating anything. Files above 64 bytes are references to objects, all else is inline.
//
// A sparse file adds one thing the format has no place for: its object holds the expanded content, while the tar holds
// only the stored runs. Those runs are inline or an object of their own, and a named reference `sparse:<offset of the
// entry's header>` leads to the expanded object. Other readers of the format refuse sparse files anyway.

import { INLINE_CONTENT_MAX } from "../format/node.ts";
import type { TarEntry } from "../format/tar/entry.ts";

export const LAYER_CONTENT_TYPE = "ocilayer";

export function sparseReferenceName(entry: TarEntry): string {
  return `sparse:${entry.offset}`;
}

/** Whether the file as the image shows it is an object. */
export function isExternal(entry: TarEntry): boolean {
  return entry.type === "regular" && entry.size > INLINE_CONTENT_MAX;
}

/** Whether the bytes that stand in the archive are a reference in the record. */
export function isStoredExternally(entry: TarEntry): boolean {
  return entry.type === "regular" && entry.storedSize > INLINE_CONTENT_MAX;
}
