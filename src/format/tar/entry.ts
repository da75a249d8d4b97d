// What one entry of a layer tar says, after its extension headers were applied.
// Formats: POSIX ustar and pax (IEEE Std 1003.1 "pax"), GNU tar's manual "Basic Tar Format", "Storing Sparse Files".

import type { ByteString } from "../bytes.ts";
import type { Xattrs } from "../node.ts";

export type TarEntryType = "regular" | "directory" | "symlink" | "hardlink" | "character" | "block" | "fifo";

/** A run of stored bytes of a sparse file: where it lies in the expanded file. */
export interface SparseSegment {
  readonly offset: number;
  readonly length: number;
}

export interface TarEntry {
  readonly type: TarEntryType;
  /** As the archive spells it: leading `./` or `/`, trailing `/` and all. */
  readonly name: ByteString;
  readonly linkname: ByteString;
  /** The header's mode field, cut to 16 bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSec: bigint;
  readonly mtimeNsec: number;
  readonly devMajor: number;
  readonly devMinor: number;
  /** Content length in bytes; of a sparse file, with its holes. */
  readonly size: number;
  /** How many content bytes stand in the archive: `size`, unless the file is sparse. */
  readonly storedSize: number;
  readonly sparse: readonly SparseSegment[] | undefined;
  readonly xattrs: Xattrs;
  /** Of these the ones that podman and composefs-rs know: those that do not stand under LIBARCHIVE.xattr only. */
  readonly schilyXattrs: Xattrs;
  /** Where the entry's first header block lies in the archive, in bytes. */
  readonly offset: number;
}
