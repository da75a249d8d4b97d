// Three kinds of digest that are all hex and must never mix, as branded types.
// OCI digests: image-spec descriptor.md "Digests". fs-verity digests: kernel Documentation/filesystems/fsverity.rst.

import { Oci2cfsError } from "../errors.ts";

declare const brand: unique symbol;

export type HashAlgorithm = "sha256" | "sha512";

/** What each hash means to fs-verity: `id` is FS_VERITY_HASH_ALG_*, sizes in bytes and hex characters. */
export const hashes: Readonly<Record<HashAlgorithm, { id: number; size: number; hexLength: number }>> = {
  sha256: { id: 1, size: 32, hexLength: 64 },
  sha512: { id: 2, size: 64, hexLength: 128 },
};

/** The fs-verity digest of a file, lower-case hex without a prefix: 64 characters for sha256, 128 for sha512. */
export type VerityDigest = string & { readonly [brand]: "verity" };

/** The plain hash of a blob as OCI writes it: `sha256:<64 hex>` or `sha512:<128 hex>`. */
export type OciDigest = string & { readonly [brand]: "oci" };

/** The checksum of an OSTree object, 64 lower-case hex characters. */
export type OstreeChecksum = string & { readonly [brand]: "ostree" };

const ociPattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;
const verityPattern = /^(?:[0-9a-f]{64}|[0-9a-f]{128})$/;

export function isOciDigest(text: string): text is OciDigest {
  return ociPattern.test(text);
}

/** @throws Oci2cfsError `bad-format` when the text is not a sha256 or sha512 digest in lower-case hex. */
export function parseOciDigest(text: string): OciDigest {
  if (!isOciDigest(text)) throw new Oci2cfsError("bad-format", `not a digest: ${JSON.stringify(text.slice(0, 160))}`);
  return text;
}

export function ociAlgorithm(digest: OciDigest): HashAlgorithm {
  return digest.startsWith("sha256:") ? "sha256" : "sha512";
}

/** Accepts bare hex and the `sha256:<hex>` form that `fsverity digest` prints. @throws Oci2cfsError `bad-format` */
export function parseVerityDigest(text: string): VerityDigest {
  const hex = isOciDigest(text) ? text.slice(text.indexOf(":") + 1) : text;
  if (!verityPattern.test(hex)) {
    throw new Oci2cfsError("bad-format", `not an fs-verity digest: ${JSON.stringify(text.slice(0, 160))}`);
  }
  return hex as VerityDigest;
}

export function isVerityDigest(text: string): text is VerityDigest {
  return verityPattern.test(text);
}

export function verityAlgorithm(digest: VerityDigest): HashAlgorithm {
  return digest.length === hashes.sha256.hexLength ? "sha256" : "sha512";
}

/** `sha256:<hex>`, the form in which fs-verity digests are shown to people. */
export function formatVerityDigest(digest: VerityDigest): string {
  return `${verityAlgorithm(digest)}:${digest}`;
}

/** Where an object lies below `objects/`, and its overlay redirect: two hex characters, a slash, the rest. */
export function objectPath(digest: VerityDigest): string {
  return `${digest.slice(0, 2)}/${digest.slice(2)}`;
}
