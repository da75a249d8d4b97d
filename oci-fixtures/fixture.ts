// What a fixture is: layers, and what must come out of them. Expected trees are composefs-dump(5) texts, written by hand;
// golden.json has the digests that the real tools give for them.

import type { ErrorCode } from "../src/errors.ts";
import type { Compression } from "./compress.ts";
import type { Content } from "./contents.ts";

export interface FixtureLayer {
  readonly tar: Buffer;
  /** `gzip` when not given. */
  readonly compression?: Compression;
  /** The layer's media type, when it is not the one that goes with the compression. */
  readonly mediaType?: string;
  /** The blob, when it is not the compressed tar. */
  readonly blob?: Buffer;
  /** Bytes that lie where the descriptor's blob should. */
  readonly storedBlob?: Buffer;
  /** What the config says the tar's digest is, when it is a lie. */
  readonly diffId?: string;
}

/** The conversion options that digests depend on; what is not given is the default. */
export interface FixtureOptions {
  readonly algorithm?: "sha256" | "sha512";
  readonly erofsVersion?: 0 | 1;
  readonly bootable?: boolean;
  readonly xattrs?: "allowlist" | "keep-user" | "all";
  readonly compat?: "native" | "composefs-rs";
}

/** The image has this tree. */
export interface ExpectedTree {
  readonly options?: FixtureOptions;
  readonly dump: string;
}

/** The digest is known from somewhere else than a dump. */
export interface PinnedDigest {
  readonly options: FixtureOptions;
  readonly digest: string;
  /** Which tool gave it. */
  readonly tool: string;
}

/** The image must not be converted. */
export interface ExpectedRefusal {
  readonly options?: FixtureOptions;
  readonly code: ErrorCode;
  readonly message: RegExp;
}

export type Expectation = ExpectedTree | PinnedDigest | ExpectedRefusal;

export interface FixtureCase {
  /** Kebab-case, as its file. */
  readonly name: string;
  /** One sentence: what is special about it. */
  readonly about: string;
  readonly layers: readonly FixtureLayer[];
  readonly expect: readonly Expectation[];
  /** Why `umoci unpack` makes another tree than the one expected by default, or none. */
  readonly umociDiffers?: string;
  /** Uses Docker's media types in place of OCI's. */
  readonly docker?: boolean;
  /** Leaves so many layers out of the config. */
  readonly missingDiffIds?: number;
}

/** The lines of a dump, root first. */
export function dump(...lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}

/** The payload, content and digest fields of a file that is an object: its place in the store and its fs-verity digest. */
export function stored({ verity }: Content): string {
  return `${verity.slice(0, 2)}/${verity.slice(2)} - ${verity}`;
}
