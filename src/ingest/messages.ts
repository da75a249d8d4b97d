// What the pool and its workers say to each other: plain data that a structured clone carries.

import type { ErrorRecord } from "../errors.ts";
import type { VerityDigest } from "../format/digest.ts";
import type { ObjectStoreLocation } from "../store/objects.ts";
import type { LayerImport } from "./import-layer.ts";
import type { KnownDigestsMemory } from "./known-digests.ts";

export interface WorkerSettings {
  /** Where objects go; undefined when only digests are wanted. */
  readonly objects: ObjectStoreLocation | undefined;
  readonly known: KnownDigestsMemory;
}

export interface LayerJob {
  readonly id: number;
  readonly layer: LayerImport;
}

export type WorkerReply =
  | { readonly kind: "progress"; readonly job: number; readonly bytes: number }
  | {
      readonly kind: "done";
      readonly job: number;
      readonly record: Uint8Array;
      readonly entries: number;
      readonly tarSize: number;
      /** Contents arrive as plain byte arrays. */
      readonly policyFiles: readonly { readonly digest: VerityDigest; readonly content: Uint8Array }[];
    }
  | { readonly kind: "failed"; readonly job: number; readonly error: ErrorRecord };
