import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Oci2cfsError } from "../../src/errors.ts";
import {
  formatVerityDigest,
  isOciDigest,
  isVerityDigest,
  objectPath,
  ociAlgorithm,
  parseOciDigest,
  parseVerityDigest,
  verityAlgorithm,
} from "../../src/format/digest.ts";

const hex = (length: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });

describe("digests", () => {
  it("takes sha256 and sha512 in lower-case hex", () => {
    fc.assert(
      fc.property(hex(64), hex(128), (short, long) => {
        expect(ociAlgorithm(parseOciDigest(`sha256:${short}`))).toBe("sha256");
        expect(ociAlgorithm(parseOciDigest(`sha512:${long}`))).toBe("sha512");
        expect(formatVerityDigest(parseVerityDigest(short))).toBe(`sha256:${short}`);
        expect(parseVerityDigest(formatVerityDigest(parseVerityDigest(long)))).toBe(long);
        expect(verityAlgorithm(parseVerityDigest(long))).toBe("sha512");
        expect(objectPath(parseVerityDigest(short)).replace("/", "")).toBe(short);
      }),
    );
  });

  it.each([
    "",
    "sha256:",
    `sha256:${"a".repeat(63)}`,
    `sha256:${"a".repeat(65)}`,
    `sha256:${"A".repeat(64)}`,
    `sha512:${"a".repeat(64)}`,
    `SHA256:${"a".repeat(64)}`,
    `sha384:${"a".repeat(96)}`,
    `sha256:${"a".repeat(64)}\n`,
    `sha256:../${"a".repeat(61)}`,
  ])("refuses %j", (text) => {
    expect(isOciDigest(text)).toBe(false);
    expect(() => parseOciDigest(text)).toThrow(Oci2cfsError);
    expect(isVerityDigest(text)).toBe(false);
    expect(() => parseVerityDigest(text)).toThrow(Oci2cfsError);
  });

  it("cuts what it shows of a wrong digest", () => {
    expect(() => parseOciDigest("x".repeat(100_000))).toThrow(/^not a digest: .{1,170}$/);
  });
});
