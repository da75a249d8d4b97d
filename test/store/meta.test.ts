import { describe, expect, it } from "vitest";
import { encodeMeta, parseMeta } from "../../src/store/meta.ts";

const meta = (changes: object): string =>
  JSON.stringify({ ...(JSON.parse(encodeMeta("sha256")) as object), ...changes });

describe("meta.json", () => {
  it("is what cfsctl writes for a V1 repository", () => {
    expect(encodeMeta("sha256")).toBe(`{
  "version": 1,
  "algorithm": "fsverity-sha256-12",
  "features": {
    "compatible": [],
    "read-only-compatible": [
      "v1_erofs"
    ],
    "incompatible": []
  },
  "erofs_formats": {
    "default": 1
  }
}
`);
    expect(encodeMeta("sha512")).toContain('"algorithm": "fsverity-sha512-12"');
  });

  it.each(["sha256", "sha512"] as const)("comes back with %s", (algorithm) => {
    expect(parseMeta(encodeMeta(algorithm))).toEqual({ algorithm, writable: true });
  });

  it("is read as older tools wrote it", () => {
    expect(parseMeta('{"version":1,"algorithm":"fsverity-sha512-12"}')).toEqual({
      algorithm: "sha512",
      writable: true,
    });
  });

  it("may have features that readers and writers can ignore", () => {
    const features = { compatible: ["shiny"], "read-only-compatible": [], incompatible: [] };
    expect(parseMeta(meta({ features, later: true }))).toEqual({ algorithm: "sha256", writable: true });
  });

  it("allows only reading with an unknown read-only-compatible feature", () => {
    const features = { "read-only-compatible": ["v1_erofs", "shiny"] };
    expect(parseMeta(meta({ features })).writable).toBe(false);
  });

  it.each([
    ["an unknown incompatible feature", { features: { incompatible: ["shiny"] } }, /demands the features shiny/],
    ["a known feature of another kind", { features: { incompatible: ["v1_erofs"] } }, /demands the features v1_erofs/],
    ["a later version", { version: 2 }, /version 2/],
    ["another block size", { algorithm: "fsverity-sha256-16" }, /fsverity-sha256-16/],
    ["no algorithm", { algorithm: undefined }, /algorithm undefined/],
  ])("is refused with %s", (_, changes, message) => {
    expect(() => parseMeta(meta(changes))).toThrow(
      expect.objectContaining({ code: "unsupported", message: expect.stringMatching(message) }),
    );
  });

  it.each([
    ["", /JSON/],
    ["{", /JSON/],
    ["[]", /no JSON object/],
    ["null", /no JSON object/],
    ["{}", /version/],
    [meta({ version: 0 }), /version/],
    [meta({ version: 1.5 }), /version/],
    [meta({ version: "1" }), /version/],
    [meta({ features: [] }), /features/],
    [meta({ features: null }), /features/],
    [meta({ features: "none" }), /features/],
    [meta({ features: { incompatible: "shiny" } }), /features.incompatible/],
    [meta({ features: { "read-only-compatible": [1] } }), /features.read-only-compatible/],
  ])("is refused as %j", (text, message) => {
    expect(() => parseMeta(text)).toThrow(
      expect.objectContaining({ code: "bad-format", message: expect.stringMatching(message) }),
    );
  });
});
