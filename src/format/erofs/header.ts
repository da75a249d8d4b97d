// The composefs header in front of an EROFS image (libcomposefs struct lcfs_erofs_header_s): what kind of image it is.

import { Oci2cfsError } from "../../errors.ts";
import { COMPOSEFS_FLAGS_HAS_ACL, COMPOSEFS_HEADER_VERSION, COMPOSEFS_MAGIC } from "./layout.ts";

export interface ImageHeader {
  /** The composefs version, 0 or 1; composefs-rs also has images of a version 2. */
  readonly version: number;
  /** Some inode has POSIX ACLs. */
  readonly hasAcl: boolean;
}

const HEADER_SIZE = 32;

/** @throws Oci2cfsError `bad-format` for what is no composefs image. */
export function readHeader(image: Buffer): ImageHeader {
  if (image.length < HEADER_SIZE || image.readUInt32LE(0) !== COMPOSEFS_MAGIC) {
    throw new Oci2cfsError("bad-format", "erofs: byte 0: this is no composefs image");
  }
  if (image.readUInt32LE(4) !== COMPOSEFS_HEADER_VERSION) {
    throw new Oci2cfsError("unsupported", `erofs: byte 4: composefs header version ${image.readUInt32LE(4)}`);
  }
  return {
    version: image.readUInt32LE(12),
    hasAcl: (image.readUInt32LE(8) & COMPOSEFS_FLAGS_HAS_ACL) !== 0,
  };
}
