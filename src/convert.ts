// The story: reference → source → image → layers in the store → one tree → composefs image → tag.
// `pull` keeps all of it in a repository; `computeDigest` goes the same way with nothing stored.

import {
  type Compat,
  type ComposedImage,
  type ComposeOptions,
  composeImage,
  type ErofsVersion,
  type XattrMode,
} from "./compose.ts";
import { Oci2cfsError } from "./errors.ts";
import type { HashAlgorithm, OciDigest, VerityDigest } from "./format/digest.ts";
import { parseReference } from "./format/reference.ts";
import { type ImportedRecord, ingestLayers } from "./ingest/pool.ts";
import { log } from "./log.ts";
import { openSource } from "./source/open.ts";
import { choosePlatform, type PlatformChoice } from "./source/platform.ts";
import { type ResolvedImage, type ResolvedLayer, resolveImage } from "./source/resolve.ts";
import type { ImageSource } from "./source/source.ts";
import { layerId } from "./store/content-id.ts";
import { type ImageVariant, OciImages } from "./store/oci-images.ts";
import { openRepository, type Repository } from "./store/repository.ts";

export interface ConversionOptions {
  readonly algorithm?: HashAlgorithm;
  readonly erofsVersion?: ErofsVersion;
  readonly bootable?: boolean;
  readonly xattrs?: XattrMode;
  readonly compat?: Compat;
  readonly platform?: PlatformChoice;
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
