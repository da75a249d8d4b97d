import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Oci2cfsError } from "../../src/errors.ts";
import {
  layerCompression,
  MAX_LAYERS,
  parseImageConfig,
  parseIndex,
  parseLayout,
  parseManifest,
  requireManifestKind,
  sniffMediaType,
} from "../../src/format/oci.ts";

const digestA = `sha256:${"a".repeat(64)}`;
const digestB = `sha512:${"b".repeat(128)}`;
const manifestType = "application/vnd.oci.image.manifest.v1+json";
const indexType = "application/vnd.oci.image.index.v1+json";
const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest: digestA, size: 2 };
const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: digestB, size: 5 };
const manifest = { schemaVersion: 2, mediaType: manifestType, config, layers: [layer], annotations: { a: "b" } };
const entry = {
  mediaType: manifestType,
  digest: digestA,
  size: 7,
  platform: { os: "linux", architecture: "arm64", variant: "v8" },
};
const index = { schemaVersion: 2, mediaType: indexType, manifests: [entry] };
const imageConfig = {
  architecture: "amd64",
  os: "linux",
  created: "2026-01-02T03:04:05Z",
  config: { Labels: { "containers.bootc": "1" }, Env: ["A=b"] },
  rootfs: { type: "layers", diff_ids: [digestA] },
  history: [{ created_by: "x", empty_layer: true }],
};

function bytesOf(value: unknown): Buffer {
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
}

function failure(work: () => unknown): Oci2cfsError {
  try {
    work();
  } catch (error) {
    if (error instanceof Oci2cfsError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("documents", () => {
  it("reads a manifest, an index and a config", () => {
    expect(parseManifest(bytesOf(manifest), "m")).toEqual(manifest);
    expect(parseIndex(bytesOf(index), "i")).toEqual(index);
    const { Env: _, ...runtime } = imageConfig.config;
    expect(parseImageConfig(bytesOf(imageConfig), "c")).toEqual({ ...imageConfig, config: runtime });
    expect(parseLayout(bytesOf({ imageLayoutVersion: "1.0.0" }), "l")).toEqual({ imageLayoutVersion: "1.0.0" });
  });

  it("reads Docker's schema 2 through the same types", () => {
    const docker = { ...manifest, mediaType: "application/vnd.docker.distribution.manifest.v2+json" };
    expect(parseManifest(bytesOf(docker), "m").layers).toHaveLength(1);
    const list = { ...index, mediaType: "application/vnd.docker.distribution.manifest.list.v2+json" };
    expect(parseIndex(bytesOf(list), "i").manifests).toHaveLength(1);
  });

  it("takes null for what is not there, as Go programs write it", () => {
    const text = { ...manifest, layers: null, annotations: null, subject: null };
    expect(parseManifest(bytesOf(text), "m")).toEqual({
      schemaVersion: 2,
      mediaType: manifestType,
      config,
      layers: [],
    });
    const empty = {
      ...imageConfig,
      config: { Labels: null, Cmd: null },
      history: null,
      rootfs: { type: "layers", diff_ids: null },
    };
    expect(parseImageConfig(bytesOf(empty), "c").rootfs.diff_ids).toEqual([]);
  });

  it("passes over what it does not know, and takes the last of two equal keys", () => {
    const text = JSON.stringify({ ...manifest, "org.example": { deep: [1, null] } });
    const twice = text.replace('"schemaVersion":2', '"schemaVersion":1,"schemaVersion":2');
    expect(parseManifest(bytesOf(twice), "m")).toEqual(manifest);
  });

  it.each<[string, unknown, RegExp]>([
    ["no object", [], /^m: not a JSON object$/],
    ["no JSON", "{", /^m: not JSON$/],
    ["trailing bytes", `${JSON.stringify(manifest)}x`, /^m: not JSON$/],
    ["a byte order mark", `\uFEFF${JSON.stringify(manifest)}`, /^m: not JSON$/],
    ["no config", { ...manifest, config: undefined }, /^m: config: missing$/],
    ["no layers", { ...manifest, layers: undefined }, /^m: layers: missing$/],
    ["layers of a wrong type", { ...manifest, layers: {} }, /^m: layers: expected array, got an object$/],
    ["a null layer", { ...manifest, layers: [null] }, /^m: layers\[0\]: expected object, got null$/],
    ["no version", { ...manifest, schemaVersion: undefined }, /^m: schemaVersion: missing$/],
    ["a version from the future", { ...manifest, schemaVersion: 3 }, /^m: schemaVersion: expected 2, got 3$/],
    [
      "a digest with a path",
      { ...manifest, layers: [layer, { ...layer, digest: "sha256:../../etc" }] },
      /^m: layers\[1\]\.digest: not a sha256 or sha512 digest: "sha256:\.\.\/\.\.\/etc"$/,
    ],
    ["a negative size", { ...manifest, config: { ...config, size: -1 } }, /^m: config\.size: not a size in bytes$/],
    ["a broken size", { ...manifest, config: { ...config, size: 1.5 } }, /^m: config\.size: not a size in bytes$/],
    [
      "a size above 2^53",
      { ...manifest, config: { ...config, size: 2 ** 53 } },
      /^m: config\.size: not a size in bytes$/,
    ],
    [
      "a size as text",
      { ...manifest, config: { ...config, size: "2" } },
      /^m: config\.size: expected number, got "2"$/,
    ],
    [
      "a media type with a line break",
      { ...manifest, config: { ...config, mediaType: "a/b\nc" } },
      /^m: config\.mediaType: not a media type: "a\/b\\nc"$/,
    ],
    [
      "an annotation that is no text",
      { ...manifest, annotations: { "a.b": 1 } },
      /^m: annotations\["a\.b"\]: expected string, got 1$/,
    ],
    ["an index's field", { ...manifest, manifests: [] }, /^m: "manifests" has no place in a manifest$/],
    ["an index's field in capitals", { ...manifest, Manifests: [] }, /^m: "Manifests" has no place in a manifest$/],
    ["schema 1's field", { ...manifest, fsLayers: [] }, /^m: "fsLayers" has no place in a manifest$/],
    ["layers spelt twice", { ...manifest, Layers: [] }, /^m: "Layers" is a field that other tools read in any case$/],
    [
      "an index's media type",
      { ...manifest, mediaType: indexType },
      /^m: mediaType: manifest expected, but it says index$/,
    ],
  ])("refuses a manifest with %s", (_, document, message) => {
    const error = failure(() => parseManifest(bytesOf(document), "m"));
    expect(error.message).toMatch(message);
    expect(error.code).toBe("bad-format");
  });

  it.each<[string, unknown, RegExp]>([
    ["a manifest's fields", { ...index, layers: [] }, /^i: "layers" has no place in an index$/],
    [
      "a manifest's media type",
      { ...index, mediaType: manifestType },
      /^i: mediaType: index expected, but it says manifest$/,
    ],
    [
      "a wrong platform",
      { ...index, manifests: [{ ...entry, platform: { os: 1 } }] },
      /^i: manifests\[0\]\.platform\./,
    ],
  ])("refuses an index with %s", (_, document, message) => {
    expect(failure(() => parseIndex(bytesOf(document), "i")).message).toMatch(message);
  });

  it.each<[string, unknown, RegExp]>([
    ["no rootfs", { ...imageConfig, rootfs: undefined }, /^c: rootfs: missing$/],
    [
      "another rootfs",
      { ...imageConfig, rootfs: { type: "x", diff_ids: [] } },
      /^c: rootfs\.type: expected "layers", got "x"$/,
    ],
    ["no architecture", { ...imageConfig, architecture: undefined }, /^c: architecture: missing$/],
    [
      "a wrong diff_id",
      { ...imageConfig, rootfs: { type: "layers", diff_ids: ["x"] } },
      /^c: rootfs\.diff_ids\[0\]: not a sha256/,
    ],
  ])("refuses a config with %s", (_, document, message) => {
    expect(failure(() => parseImageConfig(bytesOf(document), "c")).message).toMatch(message);
  });

  it("names schema 1 and unknown types", () => {
    expect(failure(() => parseManifest(bytesOf({ schemaVersion: 1, fsLayers: [] }), "m"))).toMatchObject({
      code: "unsupported",
      message: "m: a Docker schema 1 manifest",
    });
    for (const kind of ["json", "prettyjws"]) {
      const type = `application/vnd.docker.distribution.manifest.v1+${kind}`;
      expect(failure(() => requireManifestKind(type)).message).toBe("a Docker schema 1 manifest");
    }
    expect(failure(() => requireManifestKind("text/plain")).message).toBe('manifest type "text/plain"');
    expect(failure(() => parseLayout(bytesOf({ imageLayoutVersion: "2.0.0" }), "l")).code).toBe("unsupported");
  });

  it("sees what a document is when nothing says so", () => {
    expect(sniffMediaType(bytesOf({ ...manifest, mediaType: undefined }), "m")).toBe(manifestType);
    expect(sniffMediaType(bytesOf({ ...index, mediaType: undefined }), "m")).toBe(indexType);
    expect(sniffMediaType(bytesOf({ ...index, mediaType: "a/b" }), "m")).toBe("a/b");
    expect(sniffMediaType(bytesOf(imageConfig), "m")).toBeUndefined();
  });
});

describe("hostile documents", () => {
  const parsers = [
    ["manifest", parseManifest, manifest],
    ["index", parseIndex, index],
    ["config", parseImageConfig, imageConfig],
  ] as const;

  it.each(parsers)("a %s cut at any byte is refused", (_, parse, document) => {
    const bytes = bytesOf(document);
    for (let length = 0; length < bytes.length; length++) {
      expect(failure(() => parse(bytes.subarray(0, length), "x")).code).toBe("bad-format");
    }
  });

  it.each(parsers)("a %s with any byte changed is read or refused", (_, parse, document) => {
    const bytes = bytesOf(document);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }), (at, value) => {
        const changed = Buffer.from(bytes);
        changed[at] = value;
        try {
          parse(changed, "x");
        } catch (error) {
          expect(error).toBeInstanceOf(Oci2cfsError);
          expect((error as Error).message).not.toMatch(/[\n\r]/);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it.each(parsers)("a %s with any value in place of one of its own is read or refused", (_, parse, document) => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(document)), fc.jsonValue(), (key, value) => {
        try {
          parse(bytesOf({ ...document, [key]: value }), "x");
        } catch (error) {
          expect(error).toBeInstanceOf(Oci2cfsError);
          expect((error as Error).message).not.toMatch(/[\n\r]/);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("refuses too many layers", () => {
    const many = Array.from({ length: MAX_LAYERS + 1 }, () => layer);
    expect(parseManifest(bytesOf({ ...manifest, layers: many.slice(1) }), "m").layers).toHaveLength(MAX_LAYERS);
    expect(failure(() => parseManifest(bytesOf({ ...manifest, layers: many }), "m")).message).toBe(
      "m: layers: 1001 are more than 1000",
    );
    const digests = Array.from({ length: 100_000 }, () => digestA);
    expect(
      failure(() => parseImageConfig(bytesOf({ ...imageConfig, rootfs: { type: "layers", diff_ids: digests } }), "c"))
        .message,
    ).toBe("c: rootfs.diff_ids: 100000 are more than 1000");
  });

  it("refuses deep nesting before it parses", () => {
    for (const [open, close] of [
      ["[", "]"],
      ['{"a":', "}"],
    ] as const) {
      const deep = `{"x":${open.repeat(500_000)}1${close.repeat(500_000)}}`;
      expect(failure(() => parseManifest(bytesOf(deep), "m")).message).toBe("m: JSON nested deeper than 100 levels");
      expect(failure(() => parseManifest(bytesOf(deep.slice(0, 400_000)), "m")).message).toContain("nested deeper");
    }
    const brackets = { ...manifest, annotations: { a: `\\"${"[{".repeat(1000)}` } };
    expect(parseManifest(bytesOf(brackets), "m")).toEqual(brackets);
  });

  it("is not fooled by __proto__ and its like", () => {
    const text = JSON.stringify(manifest).replace(
      "{",
      '{"__proto__":{"schemaVersion":2,"layers":[]},"constructor":1,"toString":2,',
    );
    expect(parseManifest(bytesOf(text), "m")).toEqual(manifest);
    const inherited = JSON.stringify({ ...manifest, config: undefined }).replace(
      "{",
      `{"__proto__":{"config":${JSON.stringify(config)}},`,
    );
    expect(failure(() => parseManifest(bytesOf(inherited), "m")).message).toBe("m: config: missing");
    const labels = JSON.stringify(imageConfig).replace('"Labels":{', '"Labels":{"__proto__":"x",');
    const parsed = parseImageConfig(bytesOf(labels), "c");
    expect(parsed.config?.Labels?.["containers.bootc"]).toBe("1");
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });
});

const corpora = path.join(import.meta.dirname, "../../../shared/corpora");
const fedora = path.join(corpora, "ostree-ext");
const schemas = path.join(corpora, "image-spec-schema");

describe.skipIf(!existsSync(fedora))(
  `real manifests${existsSync(fedora) ? "" : ` (skipped: no ${path.basename(corpora)})`}`,
  () => {
    it.each(["manifest1.json", "manifest2.json"])("%s has 51 gzip layers", (name) => {
      const parsed = parseManifest(readFileSync(path.join(fedora, name)), name);
      expect(parsed.layers.map(({ mediaType }) => layerCompression(mediaType))).toEqual(Array(51).fill("gzip"));
    });
  },
);

describe.skipIf(!existsSync(schemas))(
  `image-spec's schemas${existsSync(schemas) ? "" : ` (skipped: no ${path.basename(corpora)})`}`,
  () => {
    const required = (name: string): string[] => JSON.parse(readFileSync(path.join(schemas, name), "utf8")).required;

    it.each([
      ["image-manifest-schema.json", parseManifest, manifest],
      ["image-index-schema.json", parseIndex, index],
      ["config-schema.json", parseImageConfig, imageConfig],
      ["image-layout-schema.json", parseLayout, { imageLayoutVersion: "1.0.0" }],
    ] as const)("every field that %s requires is required", (name, parse, document) => {
      expect(required(name).length).toBeGreaterThan(0);
      for (const field of required(name)) {
        expect(failure(() => parse(bytesOf({ ...document, [field]: undefined }), "x")).message).toBe(
          `x: ${field}: missing`,
        );
      }
    });

    it("every field that a descriptor needs is required", () => {
      for (const field of required("content-descriptor.json")) {
        const document = { ...manifest, layers: [{ ...layer, [field]: undefined }] };
        expect(failure(() => parseManifest(bytesOf(document), "x")).message).toBe(`x: layers[0].${field}: missing`);
      }
    });
  },
);
