// OCI images in a composefs repository: which streams an image has, what its composefs images are called, and tags.
// Naming is composefs-rs's (docs/repo-format.md): a tag leads to the manifest's stream, that names the config's, and the
// config's stream names the layer records and one composefs image for each way the layers were converted.

import { Oci2cfsError } from "../errors.ts";
import { isOciDigest, isVerityDigest, type OciDigest, type VerityDigest } from "../format/digest.ts";
import { type ImageConfig, type Manifest, parseImageConfig, parseManifest } from "../format/oci.ts";
import { log } from "../log.ts";
import { type ContentId, configId, decodeTag, encodeTag, layerId, manifestId } from "./content-id.ts";
import type { Repository } from "./repository.ts";
import { readStream, StreamWriter } from "./streams.ts";

/** The choices that make different images of the same layers. */
export interface ImageVariant {
  readonly erofsVersion: 0 | 1;
  readonly bootable: boolean;
  readonly xattrs: "allowlist" | "keep-user" | "all";
  readonly compat: "native" | "composefs-rs";
}

const VARIANT_PREFIX = "composefs.image";

/** The first is cfsctl's word; it has none for the second. */
const xattrModes = { "keep-user": "keep-user-xattrs", all: "all" } as const;

/** The config stream's named reference for a variant: `composefs.image.v1`, `composefs.image.boot.v1`, … */
export function variantName(variant: ImageVariant): string {
  const parts = [VARIANT_PREFIX];
  if (variant.bootable) parts.push("boot");
  parts.push(`v${variant.erofsVersion}`);
  if (variant.xattrs !== "allowlist") parts.push(`xattrs=${xattrModes[variant.xattrs]}`);
  if (variant.compat !== "native") parts.push(`compat=${variant.compat}`);
  return parts.join(".");
}

/** An image as the repository holds it. */
export interface StoredImage {
  readonly manifestDigest: OciDigest;
  readonly manifest: Manifest;
  readonly configDigest: OciDigest;
  readonly config: ImageConfig;
  /** Variant name to the digest of its composefs image. */
  readonly variants: ReadonlyMap<string, VerityDigest>;
}

/** An image whose layer records are in the store, on its way into it. */
export interface ImageRecord {
  readonly manifestDigest: OciDigest;
  readonly manifestBytes: Buffer;
  readonly configDigest: OciDigest;
  readonly configBytes: Buffer;
  /** Lowest layer first: its diffID and the object of its record. */
  readonly layers: readonly LayerRecord[];
}

export interface LayerRecord {
  readonly diffId: OciDigest;
  readonly record: VerityDigest;
}

export interface NamedImage {
  readonly name: string;
  readonly image: StoredImage;
}

const MANIFEST_TYPE = "ocimanif";
const CONFIG_TYPE = "ociconfg";
const MAX_DOCUMENT_SIZE = 16 * 1024 * 1024;

export class OciImages {
  readonly #repository: Repository;

  constructor(repository: Repository) {
    this.#repository = repository;
  }

  /**
   * An image by tag, or by `@sha256:…`, the digest of its manifest.
   * @throws Oci2cfsError `not-found`
   */
  find(name: string): StoredImage {
    const id = this.#idOf(name);
    const digest = id?.replace(/^oci-manifest-/, "") ?? "";
    if (id === undefined || !isOciDigest(digest)) {
      throw new Oci2cfsError("not-found", `no image "${name}" in ${this.#repository.path}`, {
        hint: this.#namesHint(),
      });
    }
    if (this.#repository.findStream(id) === undefined) {
      throw new Oci2cfsError(
        "not-found",
        `no image "${name}" in ${this.#repository.path}: manifest ${digest} is missing`,
        {
          hint: name.startsWith("@") ? this.#namesHint() : "pull it again",
        },
      );
    }
    return this.#read(digest);
  }

  #idOf(name: string): ContentId | undefined {
    if (name.startsWith("@")) {
      const digest = name.slice(1);
      return isOciDigest(digest) ? manifestId(digest) : undefined;
    }
    return this.#repository.readTag(encodeTag(name)) as ContentId | undefined;
  }

  #namesHint(): string {
    const names = this.names();
    return names.length === 0 ? "the repository holds no images" : `it holds ${names.slice(0, 5).join(", ")}`;
  }

  names(): string[] {
    return this.#repository.listLinks("streams/refs/oci").map(decodeTag).sort();
  }

  /** Other tools tag artifacts as well, and streams can be lost: what is no readable image is passed over with a warning. */
  list(): NamedImage[] {
    const images: NamedImage[] = [];
    for (const name of this.names()) {
      try {
        images.push({ name, image: this.find(name) });
      } catch (error) {
        if (!(error instanceof Oci2cfsError)) throw error;
        log("warn", `tag "${name}": no readable image: ${error.message}`);
      }
    }
    return images;
  }

  /** The composefs image of this manifest for a variant, if it was made before and is still there. */
  findVariant(manifestDigest: OciDigest, configDigest: OciDigest, variant: ImageVariant): VerityDigest | undefined {
    if (this.#repository.findStream(manifestId(manifestDigest)) === undefined) return undefined;
    const digest = this.#variants(configDigest).get(variantName(variant));
    return digest !== undefined && this.#repository.hasImage(digest) ? digest : undefined;
  }

  #read(manifestDigest: OciDigest): StoredImage {
    const manifest = parseManifest(this.#document(manifestId(manifestDigest)).bytes, `manifest ${manifestDigest}`);
    const configDigest = manifest.config.digest;
    const document = this.#document(configId(configDigest));
    const config = parseImageConfig(document.bytes, `config ${configDigest}`);
    return { manifestDigest, manifest, configDigest, config, variants: variantsOf(document.namedRefs) };
  }

  #variants(configDigest: OciDigest): ReadonlyMap<string, VerityDigest> {
    const id = configId(configDigest);
    if (this.#repository.findStream(id) === undefined) return new Map();
    return variantsOf(this.#document(id).namedRefs);
  }

  /** A manifest's or config's bytes: its stream holds nothing but them. */
  #document(id: ContentId): { bytes: Buffer; namedRefs: ReadonlyMap<string, VerityDigest> } {
    const digest = this.#repository.findStream(id);
    if (digest === undefined) throw new Oci2cfsError("not-found", `no stream ${id} in ${this.#repository.path}`);
    const pieces: Buffer[] = [];
    let size = 0;
    const add = (piece: Buffer): void => {
      size += piece.length;
      if (size > MAX_DOCUMENT_SIZE) {
        throw new Oci2cfsError("unsupported", `stream ${id} has more than ${MAX_DOCUMENT_SIZE} bytes`);
      }
      pieces.push(piece);
    };
    const info = readStream(this.#repository.readObject(digest, MAX_DOCUMENT_SIZE), {
      begin: () => undefined,
      inline: (buffer, start, end) => add(Buffer.from(buffer.subarray(start, end))),
      external: (object) => add(this.#repository.readObject(object, MAX_DOCUMENT_SIZE)),
    });
    return { bytes: Buffer.concat(pieces), namedRefs: info.namedRefs };
  }

  /**
   * Writes the objects for an image's manifest and config and gives the step that names them, to be taken when all
   * objects are synced. Variants that were made before are kept.
   */
  prepare(image: ImageRecord, made: { variant: ImageVariant; digest: VerityDigest }): { publish(tag: string): void } {
    const layers = image.layers.map(({ diffId, record }): [string, VerityDigest] => [diffId, record]);
    const variants = new Map(this.#variants(image.configDigest)).set(variantName(made.variant), made.digest);
    const config = this.#writeDocument(CONFIG_TYPE, image.configBytes, [...layers, ...variants]);
    const configName = `config:${image.configDigest}`;
    const manifest = this.#writeDocument(MANIFEST_TYPE, image.manifestBytes, [[configName, config], ...layers]);
    return {
      publish: (tag) => {
        for (const { diffId, record } of image.layers) this.#repository.linkStream(layerId(diffId), record);
        this.#repository.linkImage(made.digest);
        this.#repository.linkStream(configId(image.configDigest), config);
        this.#repository.linkStream(manifestId(image.manifestDigest), manifest);
        // A tag that moves must not lead, after a power loss, to a manifest whose link was lost.
        this.#repository.syncLinks();
        this.#repository.setTag(encodeTag(tag), manifestId(image.manifestDigest));
        this.#repository.syncLinks();
      },
    };
  }

  #writeDocument(contentType: string, bytes: Buffer, names: readonly [string, VerityDigest][]): VerityDigest {
    const writer = new StreamWriter({ algorithm: this.#repository.algorithm, contentType });
    // An object of its own, whatever its size, so that it has its own fs-verity.
    writer.external(this.#repository.writeObject(bytes), bytes.length);
    for (const [name, digest] of names) writer.named(name, digest);
    return this.#repository.writeObject(Buffer.concat(writer.finish()));
  }

  /** Adds a name to an image. @throws Oci2cfsError `not-found`, `usage` for what cannot be a tag. */
  tag(name: string, added: string): void {
    const { manifestDigest } = this.find(name);
    this.#repository.setTag(encodeTag(added), manifestId(manifestDigest));
    this.#repository.syncLinks();
  }

  /** @throws Oci2cfsError `not-found` */
  untag(name: string): void {
    if (this.#repository.removeTag(encodeTag(name))) return;
    throw new Oci2cfsError("not-found", `no tag "${name}" in ${this.#repository.path}`, { hint: this.#namesHint() });
  }

  /**
   * The composefs image that a name stands for: `sha256:<hex>` or bare hex is an image itself; a tag or manifest stands
   * for its plain V1 image, or for its only one.
   * @throws Oci2cfsError `not-found`; `usage` when there are several and none is the plain one.
   */
  findComposefs(name: string): VerityDigest {
    const hex = name.replace(/^sha(?:256|512):/, "");
    if (isVerityDigest(hex)) {
      if (this.#repository.hasImage(hex)) return hex;
      throw new Oci2cfsError("not-found", `no composefs image ${name} in ${this.#repository.path}`);
    }
    const { variants } = this.find(name);
    const plain = variants.get(
      variantName({ erofsVersion: 1, bootable: false, xattrs: "allowlist", compat: "native" }),
    );
    const [only] = variants.size === 1 ? variants.values() : [];
    const digest = plain ?? only;
    if (digest !== undefined && this.#repository.hasImage(digest)) return digest;
    if (variants.size === 0)
      throw new Oci2cfsError("not-found", `"${name}" has no composefs image`, { hint: "pull it again" });
    throw new Oci2cfsError("usage", `"${name}" has several composefs images`, {
      hint: `give one's digest: ${[...variants].map(([variant, value]) => `${variant}=${value}`).join(", ")}`,
    });
  }
}

function variantsOf(names: ReadonlyMap<string, VerityDigest>): ReadonlyMap<string, VerityDigest> {
  return new Map([...names].filter(([name]) => name.startsWith(VARIANT_PREFIX)));
}
