// The library's face. Everything else is free to change between versions.

export type { Compat, ErofsVersion, XattrMode } from "./compose.ts";
export {
  type ConversionEvent,
  type ConversionListener,
  type ConversionOptions,
  computeDigest,
  type DigestResult,
  type LayerPlan,
  type PullOptions,
  type PullResult,
  pull,
} from "./convert.ts";
export { type ErrorCode, Oci2cfsError } from "./errors.ts";
export {
  formatVerityDigest,
  type HashAlgorithm,
  type OciDigest,
  parseOciDigest,
  parseVerityDigest,
  type VerityDigest,
} from "./format/digest.ts";
export { formatDump, parseDump } from "./format/dump.ts";
export { type ErofsOptions, writeErofs } from "./format/erofs/write.ts";
export type { Directory, HardLink, Leaf, Node } from "./format/node.ts";
export { type Platform, parsePlatform } from "./format/oci.ts";
export { VerityHasher, verityDigest } from "./format/verity.ts";
export { type NamedImage, OciImages, type StoredImage } from "./store/oci-images.ts";
export { type OpenOptions, openRepository, type Repository } from "./store/repository.ts";
