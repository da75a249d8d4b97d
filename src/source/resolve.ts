// From what a reference names to one image: through indexes to the platform's manifest, its config and its layers.
// The same for every source. image-spec manifest.md, image-index.md, config.md.

import { Oci2cfsError, withContext } from "../errors.ts";
import type { OciDigest } from "../format/digest.ts";
import {
  type Descriptor,
  formatPlatform,
  type ImageConfig,
  isImageConfigType,
  type LayerCompression,
  layerCompression,
  MAX_CONFIG_SIZE,
  MAX_MANIFEST_SIZE,
  type Manifest,
  matchesPlatform,
  noSuchPlatform,
  type Platform,
  parseImageConfig,
  parseIndex,
  parseManifest,
  platformCandidates,
  requireManifestKind,
} from "../format/oci.ts";
import { log } from "../log.ts";
import type { ImageSource } from "./source.ts";
import { verifyBlob } from "./verify.ts";

export interface ResolvedImage {
  /** As messages show it. */
  readonly reference: string;
  readonly manifestDigest: OciDigest;
  readonly manifestBytes: Buffer;
  readonly manifest: Manifest;
  readonly configBytes: Buffer;
  readonly config: ImageConfig;
  /** Lowest layer first. */
  readonly layers: readonly ResolvedLayer[];
}

export interface ResolvedLayer {
  /** Position in the manifest, from 0. */
  readonly index: number;
  readonly descriptor: Descriptor;
  /** Digest of the uncompressed tar. */
  readonly diffId: OciDigest;
  readonly compression: LayerCompression;
}

export interface ResolveOptions {
  readonly platform: Platform;
}

/** Real indexes nest once or twice. */
const MAX_INDEX_DEPTH = 4;
const MAX_INDEXES = 32;

/**
 * Every byte is checked against the descriptor that led to it.
 * @throws Oci2cfsError `image-not-found` without an image for the platform, `digest-mismatch`, `bad-format`, `unsupported`
 * for artifacts, schema 1, and layers of an unknown or encrypted type.
 */
export async function resolveImage(source: ImageSource, { platform }: ResolveOptions): Promise<ResolvedImage> {
  try {
    const { descriptor, bytes } = await new ManifestSearch(source, platform).find(await source.root());
    const manifest = parseManifest(bytes, `manifest ${descriptor.digest}`);
    refuseArtifact(manifest);
    const configBytes = await readVerified(source, manifest.config, MAX_CONFIG_SIZE);
    const config = parseImageConfig(configBytes, `config ${manifest.config.digest}`);
    if (!matchesPlatform(config, platform)) {
      const actual = formatPlatform(config);
      log("warn", `${source.reference}: the image is for ${actual}, not for ${formatPlatform(platform)}`);
    }
    return {
      reference: source.reference,
      manifestDigest: descriptor.digest,
      manifestBytes: bytes,
      manifest,
      configBytes,
      config,
      layers: pairLayers(manifest, config),
    };
  } catch (error) {
    throw withContext(source.reference, error);
  }
}

async function readVerified(source: ImageSource, descriptor: Descriptor, limit: number): Promise<Buffer> {
  const bytes = await source.readBlob(descriptor, limit);
  verifyBlob(bytes, descriptor);
  return bytes;
}

interface FoundManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

class ManifestSearch {
  readonly #source: ImageSource;
  readonly #platform: Platform;
  readonly #seen: Descriptor[] = [];
  /** By digest: an index that is reached twice has nothing new. */
  readonly #visited: Set<OciDigest> = new Set();

  constructor(source: ImageSource, platform: Platform) {
    this.#source = source;
    this.#platform = platform;
  }

  async find(root: Descriptor): Promise<FoundManifest> {
    const found = await this.#visit(root, 0);
    if (found === undefined) throw noSuchPlatform(this.#platform, this.#seen);
    return found;
  }

  /** Undefined when no entry suits: then a nested index's siblings get their turn. */
  async #visit(descriptor: Descriptor, depth: number): Promise<FoundManifest | undefined> {
    const kind = requireManifestKind(descriptor.mediaType);
    if (kind === "index") {
      if (depth >= MAX_INDEX_DEPTH) throw new Oci2cfsError("bad-format", `indexes nest deeper than ${MAX_INDEX_DEPTH}`);
      if (this.#visited.has(descriptor.digest)) return undefined;
      this.#visited.add(descriptor.digest);
      if (this.#visited.size > MAX_INDEXES) throw new Oci2cfsError("bad-format", `more than ${MAX_INDEXES} indexes`);
    }
    const bytes = await readVerified(this.#source, descriptor, MAX_MANIFEST_SIZE);
    if (kind === "manifest") return { descriptor, bytes };
    const index = parseIndex(bytes, `index ${descriptor.digest}`);
    for (const entry of index.manifests) this.#seen.push(entry);
    for (const candidate of platformCandidates(index, this.#platform)) {
      const found = await this.#visit(candidate, depth + 1);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function refuseArtifact(manifest: Manifest): void {
  if (isImageConfigType(manifest.config.mediaType)) return;
  const type = manifest.artifactType || manifest.config.mediaType;
  throw new Oci2cfsError("unsupported", `not a container image but an artifact of type ${type}`);
}

/** Which layer compressed is which layer of the config. */
function pairLayers(manifest: Manifest, config: ImageConfig): ResolvedLayer[] {
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) {
    throw new Oci2cfsError(
      "bad-format",
      `the manifest has ${manifest.layers.length} layers, its config has ${diffIds.length} diff_ids`,
    );
  }
  return diffIds.map((diffId, index) => {
    const descriptor = manifest.layers[index] as Descriptor;
    try {
      return { index, descriptor, diffId, compression: layerCompression(descriptor.mediaType) };
    } catch (error) {
      throw withContext(`layer ${index + 1}/${diffIds.length}`, error);
    }
  });
}
