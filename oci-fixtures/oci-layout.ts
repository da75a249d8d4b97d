// A fixture as an OCI image layout (image-spec image-layout.md): oci-layout, index.json with the tag `latest`, and blobs.

import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Compression, compressLayer } from "./compress.ts";
import type { FixtureCase, FixtureLayer } from "./fixture.ts";

export const TAG = "latest";

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

interface MediaTypes {
  readonly manifest: string;
  readonly config: string;
  readonly layers: Readonly<Record<"none" | "gzip" | "zstd", string>>;
}

const ociLayer = "application/vnd.oci.image.layer.v1.tar";
const oci: MediaTypes = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layers: { none: ociLayer, gzip: `${ociLayer}+gzip`, zstd: `${ociLayer}+zstd` },
};

const dockerLayer = "application/vnd.docker.image.rootfs.diff.tar";
const docker: MediaTypes = {
  manifest: "application/vnd.docker.distribution.manifest.v2+json",
  config: "application/vnd.docker.container.image.v1+json",
  layers: { none: dockerLayer, gzip: `${dockerLayer}.gzip`, zstd: `${dockerLayer}.zstd` },
};

/** What a media type says of a compression. */
const families: Readonly<Record<Compression, keyof MediaTypes["layers"]>> = {
  none: "none",
  gzip: "gzip",
  "gzip-members": "gzip",
  zstd: "zstd",
  "zstd-frames": "zstd",
  "zstd:chunked": "zstd",
};

/** Writes the fixture below `directory`, which is made. Returns the digest of its manifest. */
export function writeOciLayout(directory: string, fixture: FixtureCase): string {
  const blobs = path.join(directory, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const types = fixture.docker === true ? docker : oci;

  const put = (bytes: Buffer, mediaType: string, instead: Buffer = bytes): Descriptor => {
    const digest = sha256(bytes);
    writeFileSync(path.join(blobs, digest.slice("sha256:".length)), instead);
    return { mediaType, digest, size: bytes.length };
  };
  const putJson = (document: unknown, mediaType: string): Descriptor =>
    put(Buffer.from(JSON.stringify(document)), mediaType);
  const putLayer = (layer: FixtureLayer): Descriptor => {
    const compression = layer.compression ?? "gzip";
    const blob = layer.blob ?? compressLayer(layer.tar, compression);
    return put(blob, layer.mediaType ?? types.layers[families[compression]], layer.storedBlob);
  };

  const layers = fixture.layers.map(putLayer);
  const diffIds = fixture.layers.map(({ tar, diffId }) => diffId ?? sha256(tar));
  const config = putJson(
    {
      architecture: "amd64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: diffIds.slice(0, diffIds.length - (fixture.missingDiffIds ?? 0)) },
    },
    types.config,
  );
  const manifest = putJson({ schemaVersion: 2, mediaType: types.manifest, config, layers }, types.manifest);
  const entry = { ...manifest, annotations: { "org.opencontainers.image.ref.name": TAG } };
  writeFileSync(path.join(directory, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  writeFileSync(path.join(directory, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  return manifest.digest;
}

export function sha256(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
