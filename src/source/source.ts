// Where an image comes from, as the rest of the program sees it. A source only finds bytes; choosing a platform and
// checking digests is the same for all of them and lives in resolve.ts.

import type { Descriptor } from "../format/oci.ts";
import type { BlobFile } from "../sys/blob-file.ts";

export type { BlobFile };

export interface ImageSource {
  /** The reference as messages show it, transport included. */
  readonly reference: string;
  /** The descriptor of the index or manifest that the reference names. @throws Oci2cfsError `image-not-found` */
  root(): Promise<Descriptor>;
  /**
   * The whole of a small blob: an index, a manifest, a config.
   * @throws Oci2cfsError `bad-format` when it is larger than `limit` bytes, `digest-mismatch` when the bytes do not match the descriptor.
   */
  readBlob(descriptor: Descriptor, limit: number): Promise<Buffer>;
  /** Makes a layer's bytes readable. They are not checked yet: the layer worker does that while it reads. */
  openLayer(descriptor: Descriptor): Promise<BlobFile>;
  close(): Promise<void>;
}
