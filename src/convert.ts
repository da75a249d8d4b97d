// The story: reference → source → image → layers in the store → one tree → composefs image → tag.
// `pull` keeps all of it in a repository; `computeDigest` goes the same way with nothing stored.

import { type Compat, composeImage, type ErofsVersion, type XattrMode } from "./compose.ts";
import { Oci2cfsError } from "./errors.ts";
import type { HashAlgorithm, OciDigest, VerityDigest } from "./format/digest.ts";
import { hostPlatform, type Platform } from "./format/oci.ts";
import { parseReference } from "./format/reference.ts";
import { type ImportedRecord, ingestLayers } from "./ingest/pool.ts";
import { log } from "./log.ts";
import { openSource } from "./source/open.ts";
import { type ResolvedImage, type ResolvedLayer, resolveImage } from "./source/resolve.ts";
import type { ImageSource } from "./source/source.ts";
import { encodeTag, layerId } from "./store/content-id.ts";
import type { ObjectStoreLocation } from "./store/objects.ts";
import { type ImageVariant, OciImages } from "./store/oci-images.ts";
import { openRepository, type Repository } from "./store/repository.ts";

export interface ConversionOptions {
  readonly algorithm?: HashAlgorithm;
  readonly erofsVersion?: ErofsVersion;
  readonly bootable?: boolean;
  readonly xattrs?: XattrMode;
  readonly compat?: Compat;
  /** Which image of an index to take; this machine's when not given. */
  readonly platform?: Platform;
  readonly onEvent?: ConversionListener;
  readonly signal?: AbortSignal;
}

export interface PullOptions extends ConversionOptions {
  /** The repository's directory; made when it is not there. */
  readonly repository: string;
  /** The tag to set; the reference itself when not given. */
  readonly name?: string;
}

export interface PullResult {
  readonly name: string;
  readonly digest: VerityDigest;
  readonly manifestDigest: OciDigest;
  readonly layers: number;
  /** Layers that were not in the store before. */
  readonly layersImported: number;
}

export interface DigestResult {
  readonly digest: VerityDigest;
  readonly manifestDigest: OciDigest;
  /** Bytes of the image file. */
  readonly imageSize: number;
}

/** What a listener hears while an image is converted. */
export type ConversionEvent =
  | { readonly kind: "plan"; readonly layers: readonly LayerPlan[] }
  | { readonly kind: "start"; readonly layer: number }
  /** Blob bytes read since the last event of this layer. */
  | { readonly kind: "bytes"; readonly layer: number; readonly bytes: number }
  | {
      readonly kind: "step";
      readonly step: "compose" | "publish";
      readonly number: number;
      readonly count: number;
      readonly description: string;
    };

export interface LayerPlan {
  /** Position in the manifest, lowest layer 0. */
  readonly index: number;
  readonly digest: OciDigest;
  /** Bytes of the blob. */
  readonly size: number;
  /** Its record is in the store already, so the blob is not read. */
  readonly cached: boolean;
}

export type ConversionListener = (event: ConversionEvent) => void;

/**
 * Imports an image into a repository. What is there already is not read again; nothing of it is visible before it is
 * verified and synced.
 * @throws Oci2cfsError `image-not-found`, `digest-mismatch`, `bad-format`, `unsupported`, `io`, `busy`, `interrupted`
 */
export async function pull(reference: string, options: PullOptions): Promise<PullResult> {
  return withImage(reference, options, async (source, image) => {
    const repository = openRepository({
      path: options.repository,
      mode: "create",
      ...(options.algorithm === undefined ? {} : { algorithm: options.algorithm }),
    });
    try {
      return await pullInto(repository, { source, image, options });
    } finally {
      repository.close();
    }
  });
}

async function pullInto(
  repository: Repository,
  { source, image, options }: { source: ImageSource; image: ResolvedImage; options: PullOptions },
): Promise<PullResult> {
  const images = new OciImages(repository);
  const variant = variantOf(options);
  const name = options.name ?? source.reference;
  // Before the work, not after it: the reference may be too long for a tag.
  encodeTag(name);
  const { manifestDigest, layers } = image;
  const result = { name, manifestDigest, layers: layers.length };
  const known = images.findVariant(manifestDigest, image.manifest.config.digest, variant);
  if (known !== undefined) {
    images.tag(`@${manifestDigest}`, name);
    return { ...result, digest: known, layersImported: 0 };
  }
  repository.beginWriting();
  const records = new Map<OciDigest, VerityDigest>();
  for (const { diffId } of layers) {
    const record = repository.findStream(layerId(diffId));
    if (record !== undefined) records.set(diffId, record);
  }
  const layersImported = await importLayers(source, {
    image,
    options,
    algorithm: repository.algorithm,
    objects: repository.objectLocation,
    existingObjects: repository.estimateObjects(),
    isKnown: (layer) => records.has(layer.diffId),
    onRecord: (layer, { record }) => records.set(layer.diffId, repository.writeObject(record)),
  });
  const layerRecords = layers.map(({ diffId }) => ({ diffId, record: records.get(diffId) as VerityDigest }));
  step(options, "compose");
  const composed = composeImage(readRecords(repository, layerRecords), {
    ...variant,
    algorithm: repository.algorithm,
    readContent: (digest) => repository.readObject(digest),
  });
  const digest = repository.writeObject(composed.bytes);
  const prepared = images.prepare(
    {
      manifestDigest,
      manifestBytes: image.manifestBytes,
      configDigest: image.manifest.config.digest,
      configBytes: image.configBytes,
      layers: layerRecords,
    },
    { variant, digest },
  );
  step(options, "publish");
  await repository.sync();
  prepared.publish(name);
  return { ...result, digest, layersImported };
}

/** One record in memory at a time. */
function* readRecords(repository: Repository, layers: readonly { record: VerityDigest }[]): Generator<Buffer> {
  for (const { record } of layers) yield repository.readObject(record);
}

/**
 * The digest that `pull` would give. Stores nothing, and needs neither root nor Linux: layer records are kept in memory,
 * file content is only hashed.
 * @throws Oci2cfsError as `pull`
 */
export async function computeDigest(reference: string, options: ConversionOptions = {}): Promise<DigestResult> {
  return withImage(reference, options, async (source, image) => {
    const algorithm = options.algorithm ?? "sha256";
    const records = new Map<OciDigest, Buffer>();
    const policy = new Map<VerityDigest, Buffer>();
    await importLayers(source, {
      image,
      options,
      algorithm,
      objects: undefined,
      existingObjects: 0,
      isKnown: () => false,
      onRecord: (layer, { record, policyFiles }) => {
        records.set(layer.diffId, record);
        for (const { digest, content } of policyFiles) policy.set(digest, content);
      },
    });
    step(options, "compose");
    const { digest, bytes } = composeImage(
      image.layers.map(({ diffId }) => records.get(diffId) as Buffer),
      { ...variantOf(options), algorithm, readContent: (wanted) => keptContent(policy, wanted) },
    );
    return { digest, manifestDigest: image.manifestDigest, imageSize: bytes.length };
  });
}

function keptContent(kept: ReadonlyMap<VerityDigest, Buffer>, digest: VerityDigest): Buffer {
  const content = kept.get(digest);
  if (content === undefined) throw new Oci2cfsError("unsupported", `object ${digest} is needed and was not kept`);
  return content;
}

async function withImage<T>(
  reference: string,
  options: ConversionOptions,
  work: (source: ImageSource, image: ResolvedImage) => Promise<T>,
): Promise<T> {
  const source = await openSource(parseReference(reference));
  try {
    const image = await resolveImage(source, { platform: options.platform ?? hostPlatform() });
    log("info", `${source.reference}: manifest ${image.manifestDigest}, ${image.layers.length} layers`);
    return await work(source, image);
  } finally {
    await source.close();
  }
}

interface LayerImports {
  readonly image: ResolvedImage;
  readonly options: ConversionOptions;
  readonly algorithm: HashAlgorithm;
  readonly objects: ObjectStoreLocation | undefined;
  readonly existingObjects: number;
  isKnown(layer: ResolvedLayer): boolean;
  onRecord(layer: ResolvedLayer, result: ImportedRecord): void;
}

/** Imports each layer that is not known, once however often the image has it, and tells how many those were. */
async function importLayers(source: ImageSource, imports: LayerImports): Promise<number> {
  const { image, options, algorithm } = imports;
  const first = new Map(image.layers.toReversed().map((layer) => [layer.diffId, layer]));
  const missing = image.layers.filter((layer) => first.get(layer.diffId) === layer && !imports.isKnown(layer));
  const emit = options.onEvent ?? (() => undefined);
  emit({
    kind: "plan",
    layers: image.layers.map((layer) => ({
      index: layer.index,
      digest: layer.descriptor.digest,
      size: layer.descriptor.size,
      cached: !missing.includes(layer),
    })),
  });
  await ingestLayers({
    layers: missing,
    describe: (layer) => `layer ${layer.index + 1}/${image.layers.length} ${layer.descriptor.digest}`,
    sizeOf: (layer) => layer.descriptor.size,
    open: async (layer) => {
      emit({ kind: "start", layer: layer.index });
      const { descriptor, compression, diffId } = layer;
      const blob = await source.openLayer(descriptor);
      return { blob, digest: descriptor.digest, size: descriptor.size, compression, diffId, algorithm };
    },
    onProgress: (layer, bytes) => emit({ kind: "bytes", layer: layer.index, bytes }),
    onDone: async (layer, result) => imports.onRecord(layer, result),
    algorithm,
    objects: imports.objects,
    existingObjects: imports.existingObjects,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  return missing.length;
}

function variantOf(options: ConversionOptions): ImageVariant {
  return {
    erofsVersion: options.erofsVersion ?? 1,
    bootable: options.bootable ?? false,
    xattrs: options.xattrs ?? "allowlist",
    compat: options.compat ?? "native",
  };
}

const steps = { compose: "writing the composefs image", publish: "syncing and publishing" };

function step(options: ConversionOptions, name: keyof typeof steps): void {
  options.signal?.throwIfAborted();
  const names = Object.keys(steps);
  options.onEvent?.({
    kind: "step",
    step: name,
    number: names.indexOf(name) + 1,
    count: names.length,
    description: steps[name],
  });
}
