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

/**
 * No file system holds more: xattr values have at most 64 KiB (XATTR_SIZE_MAX of Linux), and bsdtar writes each twice. A
 * larger extension header than 1 MiB is refused by Go's archive/tar, and so by podman and umoci, as well.
 */
export const DEFAULT_TAR_LIMITS: TarLimits = {
  extension: 1024 * 1024,
  xattrValue: 64 * 1024,
  xattrTotal: 256 * 1024,
  sparseSegments: 100_000,
};
