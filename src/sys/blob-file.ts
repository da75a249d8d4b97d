// A blob's bytes as a range of a file: what a source hands to a layer worker, which reads it with plain synchronous calls.

export interface BlobFile {
  readonly path: string;
  /** Where the blob begins; not 0 when it lies inside an archive. */
  readonly offset: number;
  /** Bytes that are there. */
  readonly size: number;
}
