import { readdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { VerityDigest } from "../../src/format/digest.ts";
import { configId, layerId, manifestId } from "../../src/store/content-id.ts";
import { type ImageRecord, type ImageVariant, OciImages, variantName } from "../../src/store/oci-images.ts";
import { openRepository, type Repository } from "../../src/store/repository.ts";
import { readStream, StreamWriter } from "../../src/store/streams.ts";
import { ociDigest, scratch } from "./repositories.ts";

const work = scratch("images");
afterAll(() => work.remove());

const plain: ImageVariant = { erofsVersion: 1, bootable: false, xattrs: "allowlist", compat: "native" };

let directory: string;
let repository: Repository;
let images: OciImages;

beforeEach(() => {
  directory = work.next();
  repository = openRepository({ path: directory, mode: "create" });
  images = new OciImages(repository);
  return () => repository.close();
});

/** An image whose digests are `seed`'s: its documents are real, its layer is an empty record. */
function imageOf(seed: number): ImageRecord {
  const diffId = ociDigest(seed + 2);
  const configDigest = ociDigest(seed + 1);
  const writer = new StreamWriter({ algorithm: "sha256", contentType: "ocilayer" });
  writer.inline(Buffer.alloc(1024));
  return {
    manifestDigest: ociDigest(seed),
    manifestBytes: Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: configDigest, size: 2 },
        layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", digest: diffId, size: 1024 }],
      }),
    ),
    configDigest,
    configBytes: Buffer.from(
      JSON.stringify({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [diffId] } }),
    ),
    layers: [{ diffId, record: repository.writeObject(Buffer.concat(writer.finish())) }],
  };
}

async function publish(image: ImageRecord, tag: string, variant: ImageVariant = plain): Promise<VerityDigest> {
  const digest = repository.writeObject(Buffer.from(`${variantName(variant)} of ${image.manifestDigest}`.padEnd(99)));
  const prepared = images.prepare(image, { variant, digest });
  await repository.sync();
  prepared.publish(tag);
  return digest;
}

interface Stream {
  contentType: string;
  externals: VerityDigest[];
  inlineBytes: number;
  names: string[];
}

function streamOf(digest: VerityDigest | undefined): Stream {
  if (digest === undefined) throw new Error("no such stream");
  const externals: VerityDigest[] = [];
  let inlineBytes = 0;
  const info = readStream(repository.readObject(digest), {
    begin: () => undefined,
    inline: (_, start, end) => {
      inlineBytes += end - start;
    },
    external: (object) => externals.push(object),
  });
  return { contentType: info.contentType, externals, inlineBytes, names: [...info.namedRefs.keys()].sort() };
}

const linksOf = (folder: string): string[] =>
  readdirSync(path.join(directory, folder)).filter((name) => name !== "refs");

describe("names of variants", () => {
  it.each([
    [{}, "composefs.image.v1"],
    [{ erofsVersion: 0 }, "composefs.image.v0"],
    [{ bootable: true }, "composefs.image.boot.v1"],
    [{ xattrs: "keep-user" }, "composefs.image.v1.xattrs=keep-user-xattrs"],
    [{ xattrs: "all", compat: "composefs-rs" }, "composefs.image.v1.xattrs=all.compat=composefs-rs"],
  ] as const)("%j is %s", (changes, name) => {
    expect(variantName({ ...plain, ...changes })).toBe(name);
  });
});

describe("an image in the repository", () => {
  it("is a manifest stream that names the config's, and a config stream that names layers and images", async () => {
    const image = imageOf(16);
    const digest = await publish(image, "os:latest");
    const manifest = streamOf(repository.findStream(manifestId(image.manifestDigest)));
    const config = streamOf(repository.findStream(configId(image.configDigest)));
    const [layer] = image.layers;
    expect(manifest).toMatchObject({ contentType: "ocimanif", inlineBytes: 0 });
    expect(manifest.externals.map((object) => repository.readObject(object))).toEqual([image.manifestBytes]);
    expect(manifest.names).toEqual([`config:${image.configDigest}`, layer?.diffId].sort());
    expect(config).toMatchObject({ contentType: "ociconfg", inlineBytes: 0 });
    expect(config.externals.map((object) => repository.readObject(object))).toEqual([image.configBytes]);
    expect(config.names).toEqual(["composefs.image.v1", layer?.diffId].sort());
    expect(repository.findStream(layerId(layer?.diffId ?? ociDigest(0)))).toBe(layer?.record);
    expect(repository.hasImage(digest)).toBe(true);
    expect(readlinkSync(path.join(directory, "streams/refs/oci/os:latest"))).toBe(
      `../../oci-manifest-${image.manifestDigest}`,
    );
  });

  it("is found by tag and by the digest of its manifest", async () => {
    const image = imageOf(16);
    const digest = await publish(image, "docker://quay.io/os/os:42");
    for (const name of ["docker://quay.io/os/os:42", `@${image.manifestDigest}`]) {
      const found = images.find(name);
      expect(found).toMatchObject({ manifestDigest: image.manifestDigest, configDigest: image.configDigest });
      expect(found.config.architecture).toBe("amd64");
      expect([...found.variants]).toEqual([["composefs.image.v1", digest]]);
      expect(images.findComposefs(name)).toBe(digest);
    }
    expect(images.findComposefs(digest)).toBe(digest);
    expect(images.findComposefs(`sha256:${digest}`)).toBe(digest);
    expect(images.names()).toEqual(["docker://quay.io/os/os:42"]);
  });

  it("is not visible before it is published", async () => {
    const image = imageOf(16);
    const digest = repository.writeObject(Buffer.alloc(99, "image"));
    images.prepare(image, { variant: plain, digest });
    await repository.sync();
    expect(images.names()).toEqual([]);
    expect([...linksOf("streams"), ...linksOf("images")]).toEqual([]);
    expect(images.findVariant(image.manifestDigest, image.configDigest, plain)).toBeUndefined();
  });

  it("keeps variants that were made before", async () => {
    const image = imageOf(16);
    const first = await publish(image, "os");
    const boot: ImageVariant = { ...plain, bootable: true };
    const second = await publish(image, "os", boot);
    expect(images.findVariant(image.manifestDigest, image.configDigest, plain)).toBe(first);
    expect(images.findVariant(image.manifestDigest, image.configDigest, boot)).toBe(second);
    expect(images.findVariant(image.manifestDigest, image.configDigest, { ...plain, xattrs: "all" })).toBeUndefined();
    expect(images.findComposefs("os")).toBe(first);
  });

  it("has no plain composefs image to choose when there are only others", async () => {
    const image = imageOf(16);
    const boot = await publish(image, "os", { ...plain, bootable: true });
    expect(images.findComposefs("os")).toBe(boot);
    await publish(image, "os", { ...plain, xattrs: "all" });
    expect(() => images.findComposefs("os")).toThrow(
      expect.objectContaining({ code: "usage", hint: expect.stringContaining(`composefs.image.boot.v1=${boot}`) }),
    );
  });

  it("counts a variant only while its image is there", async () => {
    const image = imageOf(16);
    const digest = await publish(image, "os");
    rmSync(repository.objectFile(digest));
    expect(images.findVariant(image.manifestDigest, image.configDigest, plain)).toBeUndefined();
    expect(() => images.findComposefs(digest)).toThrow(expect.objectContaining({ code: "not-found" }));
  });
});

describe("tags", () => {
  it("are added, moved and removed", async () => {
    const [one, two] = [imageOf(16), imageOf(32)];
    await publish(one, "a");
    await publish(two, "b");
    images.tag("a", "stable");
    expect(images.find("stable").manifestDigest).toBe(one.manifestDigest);
    images.tag(`@${two.manifestDigest}`, "stable");
    expect(images.find("stable").manifestDigest).toBe(two.manifestDigest);
    expect(images.list().map(({ name }) => name)).toEqual(["a", "b", "stable"]);
    images.untag("stable");
    expect(images.names()).toEqual(["a", "b"]);
    expect(images.find("b").manifestDigest).toBe(two.manifestDigest);
  });

  it.each(["nothing", `@${ociDigest(99)}`, "@latest"])(
    "that lead nowhere, such as %s, are an error that helps",
    async (name) => {
      await publish(imageOf(16), "os");
      expect(() => images.find(name)).toThrow(expect.objectContaining({ code: "not-found", hint: "it holds os" }));
      expect(() => images.tag(name, "other")).toThrow(expect.objectContaining({ code: "not-found" }));
      expect(images.names()).toEqual(["os"]);
    },
  );

  it("that lead nowhere cannot be removed", () => {
    expect(() => images.untag("nothing")).toThrow(expect.objectContaining({ code: "not-found" }));
  });

  it("of what is no image do not hide the others", async () => {
    await publish(imageOf(16), "os");
    const oci = path.join(directory, "streams/refs/oci");
    symlinkSync(`../../oci-manifest-${ociDigest(77)}`, path.join(oci, "lost"));
    symlinkSync("../../oci-blob-sha256:00", path.join(oci, "blob"));
    symlinkSync("../../../meta.json", path.join(oci, "outside"));
    expect(images.list().map(({ name }) => name)).toEqual(["os"]);
    expect(() => images.find("lost")).toThrow(expect.objectContaining({ code: "not-found", hint: "pull it again" }));
    expect(() => images.find("outside")).toThrow(expect.objectContaining({ code: "not-found" }));
  });

  it("move only while the repository is open for writing", async () => {
    await publish(imageOf(16), "os");
    const reader = openRepository({ path: directory, mode: "read" });
    const read = new OciImages(reader);
    expect(() => read.tag("os", "new")).toThrow(/for reading only/);
    expect(() => read.untag("os")).toThrow(/for reading only/);
    reader.close();
    expect(images.names()).toEqual(["os"]);
  });
});

describe("documents", () => {
  it("are bounded, whatever their stream unpacks to", async () => {
    const image = imageOf(16);
    await publish(image, "os");
    const writer = new StreamWriter({ algorithm: "sha256", contentType: "ocimanif" });
    const zeros = Buffer.alloc(1024 * 1024);
    for (let count = 0; count < 64; count++) writer.inline(zeros);
    repository.linkStream(manifestId(image.manifestDigest), repository.writeObject(Buffer.concat(writer.finish())));
    expect(() => images.find("os")).toThrow(
      expect.objectContaining({ code: "unsupported", message: expect.stringContaining("bytes") }),
    );
  });

  it("are measured when they are read", async () => {
    const image = imageOf(16);
    await publish(image, "os");
    const wrong = repository.objectFile(repository.findStream(configId(image.configDigest)) as VerityDigest);
    rmSync(wrong);
    symlinkSync(repository.objectFile(repository.findStream(manifestId(image.manifestDigest)) as VerityDigest), wrong);
    expect(() => images.find("os")).toThrow(expect.objectContaining({ code: "digest-mismatch" }));
  });
});
