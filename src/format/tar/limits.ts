// What a tar may ask of memory: everything else streams through.

export interface TarLimits {
  /** Bytes of one pax or GNU long-name header: they are held in memory. */
  readonly extension: number;
  /** Bytes of one xattr value. */
  readonly xattrValue: number;
  /** Bytes of all xattr names and values of an entry. */
  readonly xattrTotal: number;
  readonly sparseSegments: number;
}

/** Generous for what a file system can hold: paths of 4 KiB, and xattrs of 64 KiB an inode. */
export const DEFAULT_TAR_LIMITS: TarLimits = {
  extension: 1024 * 1024,
  xattrValue: 65535,
  xattrTotal: 128 * 1024,
  sparseSegments: 100_000,
};
