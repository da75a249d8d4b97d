// xxHash32 (the algorithm's specification, "XXH32"), which EROFS uses for its per-inode xattr filter.

const PRIME1 = 0x9e3779b1;
const PRIME2 = 0x85ebca77;
const PRIME3 = 0xc2b2ae3d;
const PRIME4 = 0x27d4eb2f;
const PRIME5 = 0x165667b1;

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));

/** The hash of bytes given as a latin1 string, as an unsigned 32-bit number. */
export function xxh32(text: string, seed: number): number {
  const bytes = Buffer.from(text, "latin1");
  let position = 0;
  let hash: number;
  if (bytes.length >= 16) {
    const lanes = [seed + PRIME1 + PRIME2, seed + PRIME2, seed, seed - PRIME1];
    for (; position + 16 <= bytes.length; position += 16) {
      for (let lane = 0; lane < 4; lane++) {
        const mixed = ((lanes[lane] ?? 0) + Math.imul(bytes.readUInt32LE(position + 4 * lane), PRIME2)) | 0;
        lanes[lane] = Math.imul(rotate(mixed, 13), PRIME1);
      }
    }
    const [a = 0, b = 0, c = 0, d = 0] = lanes;
    hash = (rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)) | 0;
  } else {
    hash = (seed + PRIME5) | 0;
  }
  hash = (hash + bytes.length) | 0;
  for (; position + 4 <= bytes.length; position += 4) {
    hash = (hash + Math.imul(bytes.readUInt32LE(position), PRIME3)) | 0;
    hash = Math.imul(rotate(hash, 17), PRIME4);
  }
  for (; position < bytes.length; position++) {
    hash = (hash + Math.imul(bytes[position] ?? 0, PRIME5)) | 0;
    hash = Math.imul(rotate(hash, 11), PRIME1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME2);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME3);
  return (hash ^ (hash >>> 16)) >>> 0;
}
