import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { OciDigest } from "../../src/format/digest.ts";
import { configId, decodeTag, encodeTag, layerId, manifestId } from "../../src/store/content-id.ts";

const digest = `sha256:${"ab".repeat(32)}` as OciDigest;

describe("names of streams", () => {
  it("are those of composefs-rs", () => {
    expect(manifestId(digest)).toBe(`oci-manifest-${digest}`);
    expect(configId(digest)).toBe(`oci-config-${digest}`);
    expect(layerId(digest)).toBe(`oci-layer-${digest}`);
  });
});

describe("file names of tags", () => {
  it.each([
    ["docker://quay.io/os/os:42", "docker:%2F%2Fquay.io%2Fos%2Fos:42"],
    ["100%", "100%25"],
    ["a%2Fb", "a%252Fb"],
    ["plain name", "plain name"],
    ["...", "..."],
    ["a@b", "a@b"],
  ])("%j is %j", (tag, name) => {
    expect(encodeTag(tag)).toBe(name);
    expect(decodeTag(name)).toBe(tag);
  });

  it("come back, and never lead elsewhere", () => {
    const tag = fc.string({
      minLength: 1,
      maxLength: 40,
      unit: fc.constantFrom("a", "%", "/", "2", "5", "F", ".", "é"),
    });
    fc.assert(
      fc.property(tag, (text) => {
        fc.pre(text !== "." && text !== "..");
        const name = encodeTag(text);
        expect(name).not.toContain("/");
        expect(decodeTag(name)).toBe(text);
      }),
    );
  });

  it.each(["", ".", "..", "@sha256:ab", "a\0b", "x".repeat(256), "é".repeat(128), "/".repeat(86)])(
    "%j is refused",
    (tag) => {
      expect(() => encodeTag(tag)).toThrow(expect.objectContaining({ code: "usage" }));
    },
  );

  it("may have 255 bytes", () => {
    expect(encodeTag("x".repeat(255))).toHaveLength(255);
  });
});
