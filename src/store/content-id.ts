// Names of streams in a composefs repository, as composefs-rs gives them, and the file names of tags.

import { Oci2cfsError } from "../errors.ts";
import type { OciDigest } from "../format/digest.ts";

declare const brand: unique symbol;

/** A file name below `streams/`. */
export type ContentId = string & { readonly [brand]: "content-id" };

export function manifestId(digest: OciDigest): ContentId {
  return `oci-manifest-${digest}` as ContentId;
}

export function configId(digest: OciDigest): ContentId {
  return `oci-config-${digest}` as ContentId;
}

export function layerId(diffId: OciDigest): ContentId {
  return `oci-layer-${diffId}` as ContentId;
}

/** The longest file name that Linux file systems take, in bytes. */
const MAX_FILE_NAME = 255;

/**
 * A tag's file name: only `%` and `/` are encoded.
 * @throws Oci2cfsError `usage` for what cannot be a tag: empty, with a leading `@`, `.` and `..`, or too long.
 */
export function encodeTag(tag: string): string {
  const name = tag.replaceAll("%", "%25").replaceAll("/", "%2F");
  const reserved = name === "" || name === "." || name === ".." || name.startsWith("@") || name.includes("\0");
  if (reserved) throw new Oci2cfsError("usage", `"${tag}" cannot be a tag`);
  if (Buffer.byteLength(name) > MAX_FILE_NAME) {
    throw new Oci2cfsError("usage", `the tag "${tag.slice(0, 40)}…" is longer than ${MAX_FILE_NAME} bytes`, {
      hint: "give the image a shorter name: oci2cfs pull REF NAME",
    });
  }
  return name;
}

export function decodeTag(name: string): string {
  return name.replaceAll("%2F", "/").replaceAll("%25", "%");
}
