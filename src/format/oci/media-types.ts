// What the media types of the image-spec (media-types.md) and of Docker's schema 2 say about a blob.

import { Oci2cfsError } from "../../errors.ts";
import { quote } from "./json.ts";

export const MEDIA_TYPE_INDEX = "application/vnd.oci.image.index.v1+json";
export const MEDIA_TYPE_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const MEDIA_TYPE_CONFIG = "application/vnd.oci.image.config.v1+json";
export const DOCKER_MANIFEST_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
export const DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json";

export type ManifestKind = "index" | "manifest";

/** Undefined for what is neither. */
export function manifestKind(mediaType: string): ManifestKind | undefined {
  if (mediaType === MEDIA_TYPE_INDEX || mediaType === DOCKER_MANIFEST_LIST) return "index";
  if (mediaType === MEDIA_TYPE_MANIFEST || mediaType === DOCKER_MANIFEST) return "manifest";
  return undefined;
}

/** @throws Oci2cfsError `unsupported` naming the type. */
export function requireManifestKind(mediaType: string): ManifestKind {
  const kind = manifestKind(mediaType);
  if (kind !== undefined) return kind;
  if (/^application\/vnd\.docker\.distribution\.manifest\.v1\+(?:json|prettyjws)$/.test(mediaType)) throw schema1();
  throw new Oci2cfsError("unsupported", `manifest type ${quote(mediaType)}`);
}

export function schema1(): Oci2cfsError {
  return new Oci2cfsError("unsupported", "a Docker schema 1 manifest", {
    hint: "copy the image with a current tool first: skopeo copy --format oci …",
  });
}

export function isImageConfigType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPE_CONFIG || mediaType === DOCKER_CONFIG;
}

export type LayerCompression = "none" | "gzip" | "zstd";

const compressions: ReadonlyMap<string, LayerCompression> = new Map([
  ["", "none"],
  ["+gzip", "gzip"],
  ["+zstd", "zstd"],
  [".gzip", "gzip"],
  [".zstd", "zstd"],
]);

/** Non-distributable ("foreign") layers are layers like any other once their bytes are at hand. */
const layerType =
  /^application\/vnd\.(?:oci\.image\.layer(?:\.nondistributable)?\.v1\.tar(\+gzip|\+zstd|)|docker\.image\.rootfs(?:\.foreign)?\.diff\.tar(\.gzip|\.zstd|))$/;

/** @throws Oci2cfsError `unsupported` naming the type: encrypted layers, other compressions, artifacts. */
export function layerCompression(mediaType: string): LayerCompression {
  const match = layerType.exec(mediaType);
  const compression = match === null ? undefined : compressions.get(match[1] ?? match[2] ?? "");
  if (compression !== undefined) return compression;
  if (mediaType.endsWith("+encrypted")) {
    throw new Oci2cfsError("unsupported", `encrypted layer of type ${quote(mediaType)}`, {
      hint: "decrypt the image first: skopeo copy --decryption-key …",
    });
  }
  throw new Oci2cfsError("unsupported", `layer type ${quote(mediaType)}`);
}
