// The JSON documents of an OCI image: image-spec descriptor.md, manifest.md, image-index.md, config.md, image-layout.md.
// Docker's schema 2 manifest, manifest list and config have the same fields and pass the same checks.
//
// Only fields that we use are checked. The callers keep the raw bytes: a document is never written anew.

import * as v from "valibot";
import { Oci2cfsError, withContext } from "../../errors.ts";
import { isOciDigest, type OciDigest } from "../digest.ts";
import { check, parseObject, quote } from "./json.ts";
import {
  type ManifestKind,
  MEDIA_TYPE_INDEX,
  MEDIA_TYPE_MANIFEST,
  manifestKind,
  requireManifestKind,
  schema1,
} from "./media-types.ts";
import type { Platform } from "./platform.ts";

/** Bytes; what containers/image and registries accept (distribution-spec "Pushing Manifests": at least 4 MiB). */
export const MAX_MANIFEST_SIZE: number = 4 * 1024 * 1024;
export const MAX_CONFIG_SIZE: number = 4 * 1024 * 1024;

/** containers/storage stops at 500 layers, Docker at 128; Fedora CoreOS has 51. */
export const MAX_LAYERS = 1000;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: OciDigest;
  /** Bytes. */
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Platform;
  readonly urls?: readonly string[];
  /** The content itself, base64. */
  readonly data?: string;
  readonly artifactType?: string;
}

export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly config: Descriptor;
  /** Lowest layer first. */
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Index {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  /** RFC 3339. */
  readonly created?: string;
  readonly config?: ImageRuntimeConfig;
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly OciDigest[] };
  readonly history?: readonly HistoryEntry[];
}

export interface ImageRuntimeConfig {
  readonly Labels?: Readonly<Record<string, string>>;
}

export interface HistoryEntry {
  readonly created?: string;
  readonly created_by?: string;
  readonly comment?: string;
  readonly empty_layer?: boolean;
}

export interface LayoutMarker {
  readonly imageLayoutVersion: string;
}

const text = v.string();
const texts = v.record(text, text);
const digest: v.GenericSchema<unknown, OciDigest> = v.pipe(
  text,
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    if (isOciDigest(dataset.value)) return dataset.value;
    addIssue({ message: `not a sha256 or sha512 digest: ${quote(dataset.value)}` });
    return NEVER;
  }),
);
const size = v.pipe(
  v.number(),
  v.check((value) => Number.isSafeInteger(value) && value >= 0, "not a size in bytes"),
);
const mediaType = v.pipe(
  text,
  v.regex(
    /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/,
    (issue) => `not a media type: ${quote(issue.input)}`,
  ),
);

const platform: v.GenericSchema<unknown, Platform> = v.object({
  architecture: text,
  os: text,
  variant: v.exactOptional(text),
});

const descriptor: v.GenericSchema<unknown, Descriptor> = v.object({
  mediaType,
  digest,
  size,
  annotations: v.exactOptional(texts),
  platform: v.exactOptional(platform),
  urls: v.exactOptional(v.array(text)),
  data: v.exactOptional(text),
  artifactType: v.exactOptional(text),
});

const manifest: v.GenericSchema<unknown, Manifest> = v.object({
  schemaVersion: v.literal(2),
  mediaType: v.exactOptional(mediaType),
  artifactType: v.exactOptional(text),
  config: descriptor,
  layers: v.array(descriptor),
  subject: v.exactOptional(descriptor),
  annotations: v.exactOptional(texts),
});

const index: v.GenericSchema<unknown, Index> = v.object({
  schemaVersion: v.literal(2),
  mediaType: v.exactOptional(mediaType),
  artifactType: v.exactOptional(text),
  manifests: v.array(descriptor),
  subject: v.exactOptional(descriptor),
  annotations: v.exactOptional(texts),
});

const imageConfig: v.GenericSchema<unknown, ImageConfig> = v.object({
  architecture: text,
  os: text,
  variant: v.exactOptional(text),
  created: v.exactOptional(text),
  config: v.exactOptional(
    v.object({
      Labels: v.exactOptional(texts),
    }),
  ),
  rootfs: v.object({ type: v.literal("layers"), diff_ids: v.array(digest) }),
  history: v.exactOptional(
    v.array(
      v.object({
        created: v.exactOptional(text),
        created_by: v.exactOptional(text),
        comment: v.exactOptional(text),
        empty_layer: v.exactOptional(v.boolean()),
      }),
    ),
  ),
});

const layoutMarker: v.GenericSchema<unknown, LayoutMarker> = v.object({ imageLayoutVersion: text });

/**
 * @param what names the document in errors.
 * @throws Oci2cfsError `bad-format` with the place of the fault, `unsupported` for schema 1.
 */
export function parseManifest(bytes: Buffer, what: string): Manifest {
  const document = parseObject(bytes, what);
  checkKind(document, "manifest", what);
  limit(document.layers, MAX_LAYERS, `${what}: layers`);
  return check(manifest, document, what);
}

/** As {@link parseManifest}, for an index or a manifest list. */
export function parseIndex(bytes: Buffer, what: string): Index {
  const document = parseObject(bytes, what);
  checkKind(document, "index", what);
  return check(index, document, what);
}

/** @throws Oci2cfsError `bad-format` with the place of the fault. */
export function parseImageConfig(bytes: Buffer, what: string): ImageConfig {
  const document = parseObject(bytes, what);
  const { rootfs } = document;
  if (typeof rootfs === "object" && rootfs !== null && "diff_ids" in rootfs) {
    limit(rootfs.diff_ids, MAX_LAYERS, `${what}: rootfs.diff_ids`);
  }
  return check(imageConfig, document, what);
}

/** The `oci-layout` file. @throws Oci2cfsError `unsupported` for a version other than 1.x. */
export function parseLayout(bytes: Buffer, what: string): LayoutMarker {
  const marker = check(layoutMarker, parseObject(bytes, what), what);
  if (!/^1\.\d+\.\d+$/.test(marker.imageLayoutVersion)) {
    throw new Oci2cfsError("unsupported", `${what}: layout version ${quote(marker.imageLayoutVersion)}`);
  }
  return marker;
}

/** What a document says it is, when nothing else does. Undefined for what is neither manifest nor index. */
export function sniffMediaType(bytes: Buffer, what: string): string | undefined {
  const document = parseObject(bytes, what);
  if (typeof document.mediaType === "string") return document.mediaType;
  if ("manifests" in document) return MEDIA_TYPE_INDEX;
  return "layers" in document && "config" in document ? MEDIA_TYPE_MANIFEST : undefined;
}

/** Fields that would make another reader take the document for another kind. */
const foreignFields: Readonly<Record<ManifestKind, readonly string[]>> = {
  manifest: ["manifests", "fslayers", "signatures"],
  index: ["config", "layers", "fslayers", "signatures"],
};
const ownFields: ReadonlySet<string> = new Set([
  "schemaVersion",
  "mediaType",
  "config",
  "layers",
  "manifests",
  "subject",
]);
const lowerOwnFields: ReadonlySet<string> = new Set([...ownFields].map((field) => field.toLowerCase()));

/**
 * image-spec "manifest.md" and "image-index.md", guidelines on mediaType: one document must not read as two things (CVE-2021-41190).
 * Go matches field names in any case, so a second spelling is a second reading as well.
 */
function checkKind(document: Readonly<Record<string, unknown>>, kind: ManifestKind, what: string): void {
  if (document.schemaVersion === 1) throw withContext(what, schema1());
  const declared = document.mediaType;
  if (typeof declared === "string" && manifestKind(declared) !== kind) {
    const actual = manifestKind(declared) ?? requireKind(declared, what);
    throw new Oci2cfsError("bad-format", `${what}: mediaType: ${kind} expected, but it says ${actual}`);
  }
  for (const field of Object.keys(document)) {
    const lower = field.toLowerCase();
    if (foreignFields[kind].includes(lower)) {
      throw new Oci2cfsError(
        "bad-format",
        `${what}: ${quote(field)} has no place in ${kind === "index" ? "an index" : "a manifest"}`,
      );
    }
    if (!ownFields.has(field) && lowerOwnFields.has(lower)) {
      throw new Oci2cfsError("bad-format", `${what}: ${quote(field)} is a field that other tools read in any case`);
    }
  }
}

function requireKind(mediaType: string, what: string): ManifestKind {
  try {
    return requireManifestKind(mediaType);
  } catch (error) {
    throw withContext(what, error);
  }
}

function limit(list: unknown, max: number, what: string): void {
  if (Array.isArray(list) && list.length > max) {
    throw new Oci2cfsError("bad-format", `${what}: ${list.length} are more than ${max}`);
  }
}
