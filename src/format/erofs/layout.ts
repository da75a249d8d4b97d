// On-disk constants of a composefs image: EROFS (kernel fs/erofs/erofs_fs.h, whose names are kept) behind the composefs
// header of libcomposefs (struct lcfs_erofs_header_s). All integers are little endian.

import type { ByteString } from "../bytes.ts";

export const BLOCK_SIZE = 4096;
/** Inodes begin on multiples of this; an inode's nid is its offset divided by it. */
export const SLOT_SIZE = 32;

export const COMPOSEFS_MAGIC = 0xd078629a;
export const COMPOSEFS_HEADER_VERSION = 1;
/** Header flag: some inode has POSIX ACLs. */
export const COMPOSEFS_FLAGS_HAS_ACL = 1;

export const SUPERBLOCK_OFFSET = 1024;
export const SUPERBLOCK_SIZE = 128;
export const INODES_OFFSET: number = SUPERBLOCK_OFFSET + SUPERBLOCK_SIZE;
export const EROFS_SUPER_MAGIC_V1 = 0xe0f5e1e2;
export const EROFS_FEATURE_COMPAT_MTIME = 2;
export const EROFS_FEATURE_COMPAT_XATTR_FILTER = 4;

export const COMPACT_INODE_SIZE = 32;
export const EXTENDED_INODE_SIZE = 64;
/** i_format: bit 0 is the inode version, the data layout stands above it. */
export const EROFS_INODE_FLAT_PLAIN = 0;
export const EROFS_INODE_FLAT_INLINE = 2;
export const EROFS_INODE_CHUNK_BASED = 4;

export const EROFS_NULL_ADDR = 0xffffffff;
/** Bytes of one entry of a chunk inode's block map. */
export const BLOCK_MAP_ENTRY_SIZE = 4;
/** Chunks are at least one block and at most 8 TiB: the field for their log2 above 12 has five bits. */
export const MIN_CHUNK_BITS = 12;
export const MAX_CHUNK_BITS = 43;
/** Largest external file: 1024 chunks of 8 TiB. */
export const MAX_FILE_SIZE: number = 2 ** 53;
/** Largest inline content that mkcomposefs takes (LCFS_INLINE_CONTENT_MAX). */
export const MAX_INLINE_SIZE = 5000;

export const DIRENT_SIZE = 12;
/** Tails up to this many bytes stand behind their inode; larger ones get a block. */
export const MAX_TAIL_SIZE: number = BLOCK_SIZE / 2;

export const XATTR_HEADER_SIZE = 12;
export const XATTR_ENTRY_SIZE = 4;
export const EROFS_XATTR_FILTER_SEED = 0x25bbe08f;
/** How many shared xattrs one inode can refer to before the writer stores the rest with it. */
export const MAX_SHARED_XATTRS = 128;

export const MAX_NAME_LENGTH = 255;
export const MAX_SYMLINK_LENGTH = 4095;
export const MAX_XATTR_NAME_LENGTH = 255;
export const MAX_XATTR_VALUE_LENGTH = 65535;
/** What all of an inode's xattrs may cost: 12 once, and 7, name and value for each (LCFS_INODE_XATTRMETA_MAX). */
export const MAX_XATTR_BUDGET = 32767;

/** Prefixes that an xattr entry stores as a number, in the order in which they are tried. */
export const XATTR_PREFIXES: readonly { readonly prefix: string; readonly index: number }[] = [
  { prefix: "user.", index: 1 },
  { prefix: "system.posix_acl_access", index: 2 },
  { prefix: "system.posix_acl_default", index: 3 },
  { prefix: "trusted.", index: 4 },
  { prefix: "security.", index: 6 },
];

export const XATTR_OVERLAY_PREFIX = "trusted.overlay.";
/** overlayfs hands an escaped name to the user without the second `overlay.`. */
export const XATTR_OVERLAY_ESCAPE = "trusted.overlay.overlay.";
export const XATTR_METACOPY = "trusted.overlay.metacopy" as ByteString;
export const XATTR_REDIRECT = "trusted.overlay.redirect" as ByteString;
export const XATTR_OPAQUE = "trusted.overlay.opaque" as ByteString;
export const XATTR_ESCAPED_WHITEOUT = "trusted.overlay.overlay.whiteout" as ByteString;
export const XATTR_USER_WHITEOUT = "user.overlay.whiteout" as ByteString;
export const XATTR_ESCAPED_WHITEOUTS = "trusted.overlay.overlay.whiteouts" as ByteString;
export const XATTR_USER_WHITEOUTS = "user.overlay.whiteouts" as ByteString;
export const XATTR_ESCAPED_OPAQUE = "trusted.overlay.overlay.opaque" as ByteString;
export const XATTR_USER_OPAQUE = "user.overlay.opaque" as ByteString;
export const XATTR_SELINUX = "security.selinux" as ByteString;
export const ACL_XATTRS: readonly string[] = ["system.posix_acl_access", "system.posix_acl_default"];

/** Names of the character devices 0:0 in the root that hide the object directories of the data layer. */
export const STUB_NAMES: readonly ByteString[] = Array.from(
  { length: 256 },
  (_, index) => index.toString(16).padStart(2, "0") as ByteString,
);
export const STUB_MODE = 0o020644;

/** Dirent file types (EROFS_FT_*). */
export const EROFS_FT = {
  regular: 1,
  directory: 2,
  character: 3,
  block: 4,
  fifo: 5,
  socket: 6,
  symlink: 7,
} as const;

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
