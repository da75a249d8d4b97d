// The check of a whole blob against its descriptor (image-spec descriptor.md "Verification"): size first, then digest.

import { createHash } from "node:crypto";
import { Oci2cfsError } from "../errors.ts";
import { ociAlgorithm } from "../format/digest.ts";
import type { Descriptor } from "../format/oci.ts";

/** @throws Oci2cfsError `digest-mismatch` */
export function verifyBlob(bytes: Buffer, descriptor: Pick<Descriptor, "digest" | "size">): void {
  verifySize(bytes.length, descriptor);
  const algorithm = ociAlgorithm(descriptor.digest);
  const actual = `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
  if (actual === descriptor.digest) return;
  throw new Oci2cfsError("digest-mismatch", `blob ${descriptor.digest}: its bytes have digest ${actual}`, {
    data: { expected: descriptor.digest, actual },
  });
}

/** @throws Oci2cfsError `digest-mismatch` */
export function verifySize(size: number, descriptor: Pick<Descriptor, "digest" | "size">): void {
  if (size === descriptor.size) return;
  throw new Oci2cfsError(
    "digest-mismatch",
    `blob ${descriptor.digest}: expected ${descriptor.size} bytes, got ${size}`,
    {
      data: { expected: descriptor.size, actual: size },
    },
  );
}
