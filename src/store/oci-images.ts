// OCI images in a composefs repository: which streams an image has, what its composefs images are called, and tags.
// Naming is composefs-rs's (docs/repo-format.md): a tag leads to the manifest's stream, that names the config's, and the
// config's stream names the layer records and one composefs image for each way it was converted.

import { Oci2cfsError } from "../errors.ts";
import { isOciDigest, isVerityDigest, type OciDigest, parseVerityDigest, type VerityDigest } from "../format/digest.ts";
import { type ImageConfig, type Manifest, parseImageConfig, parseManifest } from "../format/oci.ts";
import { configId, layerId, manifestId } from "./content-id.ts";
import type { Repository } from "./repository.ts";

/** The choices that make different images of the same layers. */
export interface ImageVariant {
  readonly erofsVersion: 0 | 1;
  readonly bootable: boolean;
  readonly xattrs: "allowlist" | "keep-user" | "all";
  readonly compat: "native" | "composefs-rs";
}

/** The config stream's named reference for a variant: `composefs.image.v1`, `composefs.image.boot.v1`, … */
export function variantName(variant: ImageVariant): string {
  const parts = ["composefs.image"];
  if (variant.bootable) parts.push("boot");
  parts.push(`v${variant.erofsVersion}`);
  if (variant.xattrs !== "allowlist") parts.push(`xattrs=${variant.xattrs}`);
  if (variant.compat !== "native") parts.push(`compat=${variant.compat}`);
  return parts.join(".");
}

const VARIANT_PREFIX = "composefs.image";

/** An image as the repository holds it. */
export interface StoredImage {
  readonly manifestDigest: OciDigest;
  readonly manifest: Manifest;
  readonly configDigest: OciDigest;
  readonly config: ImageConfig;
  /** Variant name to the digest of its composefs image. */
  readonly variants: ReadonlyMap<string, VerityDigest>;
}

/** What is to be recorded of an image whose layers are in the store. */
export interface ImageRecord {
  readonly manifestDigest: OciDigest;
  readonly manifestBytes: Buffer;
  readonly configDigest: OciDigest;
  readonly configBytes: Buffer;
  readonly diffIds: readonly OciDigest[];
}
