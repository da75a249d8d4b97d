// Contents above 64 bytes, which become objects, with the fs-verity digests that `fsverity digest` 1.6 gives for them:
// test/interop/golden.test.ts asks it again.

export interface Content {
  readonly bytes: Buffer;
  /** fs-verity digest, sha256, 4 KiB blocks, no salt. */
  readonly verity: string;
}

/** Byte i is i % 251: no two blocks are the same, and every length is another content. */
export function pattern(size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, index) => index % 251));
}

export const bytes65: Content = {
  bytes: pattern(65),
  verity: "d15342ab7ae6359658445eebb51967e5243b3856db9a6a26872a23fe572bc364",
};

export const bytes4095: Content = {
  bytes: pattern(4095),
  verity: "5f4953aad672b0188023d6cd6fbce9d09508eb7dad165b6298ce0086bc1e72db",
};

export const bytes4096: Content = {
  bytes: pattern(4096),
  verity: "13e9b8848ae484a36acb3f3cac0ceb2f7601e96633d15c92f9bd3dd44e492157",
};

export const bytes4097: Content = {
  bytes: pattern(4097),
  verity: "b0d074abef4d544404facfab6ba242f6a8ccbde90f1325cd286f3c8aa8d0f8aa",
};

export const bytes262145: Content = {
  bytes: pattern(262145),
  verity: "3a184208d2025273795779ebbea5a31c8edecdb33646aaad46c66d089f8b9eed",
};

/** Two runs of a file of 10000 bytes, and zeros elsewhere. */
export const sparseRuns: readonly (readonly [offset: number, text: string])[] = [
  [0, "begin"],
  [4096, "middle"],
];

/** What the sparse files are when their holes are zeros. */
export const bytesOfSparse: Content = {
  bytes: expandRuns(10_000),
  verity: "7c416cf97ee12e4269a50d93afd3a66acdcdfaae303e4416efbce334c541af0c",
};

function expandRuns(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (const [offset, text] of sparseRuns) bytes.write(text, offset);
  return bytes;
}
