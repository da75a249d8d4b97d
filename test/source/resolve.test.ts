import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Oci2cfsError } from "../../src/errors.ts";
import { type Descriptor, parsePlatform } from "../../src/format/oci.ts";
import { type LayoutReference, parseReference } from "../../src/format/reference.ts";
import { openLayout } from "../../src/source/layout.ts";
import { type ResolvedImage, resolveImage } from "../../src/source/resolve.ts";
import type { ImageSource } from "../../src/source/source.ts";
import { type BuiltDescriptor, digestOf, LayoutBuilder, types } from "./layout-builder.ts";

let directory: string;
let builder: LayoutBuilder;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "oci2cfs-resolve-"));
  builder = new LayoutBuilder();
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true, force: true });
});

function resolve(root: BuiltDescriptor, platform = "linux/amd64"): Promise<ResolvedImage> {
  builder.tag(root).write(directory);
  const source = openLayout(parseReference(`oci:${directory}`) as LayoutReference);
  return resolveImage(source, { platform: parsePlatform(platform) });
}

async function failure(work: Promise<unknown>): Promise<Oci2cfsError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Oci2cfsError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const arm64 = { os: "linux", architecture: "arm64" };
const amd64 = { os: "linux", architecture: "amd64" };

describe("resolving an image", () => {
  it("pairs layers and diff_ids", async () => {
    const image = builder.image(["one", "two"]);
    const resolved = await resolve(image);
    expect(resolved).toMatchObject({ reference: `oci:${directory}`, manifestDigest: image.digest });
    expect(resolved.manifestBytes.equals(builder.blobs.get(image.digest) as Buffer)).toBe(true);
    expect(digestOf(resolved.configBytes)).toBe(resolved.manifest.config.digest);
    expect(resolved.layers).toEqual(
      ["one", "two"].map((text, index) => {
        const digest = digestOf(Buffer.from(text));
        return { index, descriptor: { mediaType: types.tar, digest, size: 3 }, diffId: digest, compression: "none" };
      }),
    );
  });

  it("reads Docker's schema 2 and no layers at all", async () => {
    const config = builder.json({ ...amd64, rootfs: { type: "layers", diff_ids: [] } }, types.dockerConfig);
    const manifest = { schemaVersion: 2, mediaType: types.dockerManifest, config, layers: [] };
    const image = builder.json(manifest, types.dockerManifest, { platform: amd64 });
    const list = builder.json({ schemaVersion: 2, mediaType: types.dockerList, manifests: [image] }, types.dockerList);
    expect(await resolve(list)).toMatchObject({ manifestDigest: image.digest, layers: [] });
  });

  it("picks the platform, through nested indexes", async () => {
    const [amd, arm] = [builder.image(["a"]), builder.image(["b"], arm64)];
    const inner = builder.index([{ ...arm, platform: arm64 }]);
    const outer = builder.index([{ ...amd, platform: amd64 }, inner]);
    builder.tag(outer).write(directory);
    const source = openLayout(parseReference(`oci:${directory}`) as LayoutReference);
    const digestFor = async (platform: string): Promise<string> =>
      (await resolveImage(source, { platform: parsePlatform(platform) })).manifestDigest;
    expect(await digestFor("linux/amd64")).toBe(amd.digest);
    expect(await digestFor("linux/arm64/v8")).toBe(arm.digest);
    expect(await failure(digestFor("linux/s390x"))).toMatchObject({
      code: "image-not-found",
      message: `oci:${directory}: no image for linux/s390x in the index`,
      hint: "there are linux/amd64, linux/arm64",
    });
  });

  it("goes on with the next entry when a nested index has nothing", async () => {
    const wrong = builder.index([{ ...builder.image(["b"], arm64), platform: arm64 }]);
    const right = builder.index([{ ...builder.image(["a"]), platform: amd64 }]);
    const image = await resolve(builder.index([wrong, wrong, right]));
    expect(image.config.architecture).toBe("amd64");
  });

  it("takes a plain image for another platform, and warns", async () => {
    const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    await resolve(builder.image(["a"], arm64));
    expect(stderr.mock.calls.flat().join("")).toBe(
      `warn: oci:${directory}: the image is for linux/arm64, not for linux/amd64\n`,
    );
  });
});

describe("what cannot be resolved", () => {
  it("an artifact", async () => {
    const empty = builder.json({}, "application/vnd.oci.empty.v1+json");
    const manifest = { schemaVersion: 2, mediaType: types.manifest, config: empty, layers: [empty] };
    const artifact = { ...manifest, artifactType: "application/spdx+json" };
    expect(await failure(resolve(builder.json(artifact, types.manifest)))).toMatchObject({
      code: "unsupported",
      message: `oci:${directory}: not a container image but an artifact of type application/spdx+json`,
    });
  });

  it("layers that are not as many as diff_ids", async () => {
    const layer = builder.blob(Buffer.from("a"), types.tar);
    const config = builder.json({ ...amd64, rootfs: { type: "layers", diff_ids: [] } }, types.config);
    const image = builder.json({ schemaVersion: 2, config, layers: [layer] }, types.manifest);
    expect((await failure(resolve(image))).message).toBe(
      `oci:${directory}: the manifest has 1 layers, its config has 0 diff_ids`,
    );
  });

  it("an encrypted layer, which is named", async () => {
    const type = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted";
    const layer = builder.blob(Buffer.from("a"), type);
    const config = builder.json({ ...amd64, rootfs: { type: "layers", diff_ids: [layer.digest] } }, types.config);
    const image = builder.json({ schemaVersion: 2, config, layers: [layer] }, types.manifest);
    expect(await failure(resolve(image))).toMatchObject({
      code: "unsupported",
      message: `oci:${directory}: layer 1/1: encrypted layer of type "${type}"`,
    });
  });

  it("an index under a manifest's media type", async () => {
    const index = builder.index([builder.image(["a"])]);
    const error = await failure(resolve({ ...index, mediaType: types.manifest }));
    expect(error.message).toBe(
      `oci:${directory}: manifest ${index.digest}: mediaType: manifest expected, but it says index`,
    );
  });

  it("indexes that nest too deep or are too many", async () => {
    let deep = builder.index([]);
    for (let depth = 0; depth < 5; depth++) deep = builder.index([deep], { artifactType: undefined });
    expect((await failure(resolve(deep))).message).toBe(`oci:${directory}: indexes nest deeper than 4`);
    builder = new LayoutBuilder();
    const many = Array.from({ length: 40 }, (_, number) => {
      const document = { schemaVersion: 2, manifests: [], annotations: { number: `${number}` } };
      return builder.json(document, types.index);
    });
    expect((await failure(resolve(builder.index(many)))).message).toBe(`oci:${directory}: more than 32 indexes`);
  });

  it("a manifest or config that claims to be huge", async () => {
    const image = builder.image(["a"]);
    expect((await failure(resolve({ ...image, size: 2 ** 40 }))).message).toBe(
      `oci:${directory}: blob ${image.digest}: 1099511627776 bytes are more than 4194304`,
    );
  });

  it("a source that hands on other bytes than it was asked for", async () => {
    const image = builder.image(["a"]) as unknown as Descriptor;
    const source: ImageSource = {
      reference: "test",
      root: async () => image,
      readBlob: async ({ size }) => Buffer.alloc(size, " "),
      openLayer: async () => ({ path: "", offset: 0, size: 0 }),
      close: async () => undefined,
    };
    const error = await failure(resolveImage(source, { platform: parsePlatform("linux/amd64") }));
    expect(error.code).toBe("digest-mismatch");
    expect(error.message).toMatch(/^test: blob sha256:/);
  });
});
