// meta.json of a composefs repository (docs/repo-format.md): its hash, its image formats, and which features a program must
// know to read or write it. Bytes to values only.

import { Oci2cfsError } from "../errors.ts";
import type { HashAlgorithm } from "../format/digest.ts";

export interface RepositoryMeta {
  readonly algorithm: HashAlgorithm;
  /** False when the file says features that only readers may ignore. */
  readonly writable: boolean;
}

const VERSION = 1;
/** The one feature flag there is: the default image format is V1. */
const V1_EROFS = "v1_erofs";

const knownFeatures: Readonly<Record<"read-only-compatible" | "incompatible", readonly string[]>> = {
  "read-only-compatible": [V1_EROFS],
  incompatible: [],
};

const algorithmNames: Readonly<Record<HashAlgorithm, string>> = {
  sha256: "fsverity-sha256-12",
  sha512: "fsverity-sha512-12",
};

export function encodeMeta(algorithm: HashAlgorithm): string {
  const meta = {
    version: VERSION,
    algorithm: algorithmNames[algorithm],
    features: { compatible: [], "read-only-compatible": [V1_EROFS], incompatible: [] },
    erofs_formats: { default: 1 },
  };
  return `${JSON.stringify(meta, null, 2)}\n`;
}

/** @throws Oci2cfsError `bad-format` for what is no meta.json, `unsupported` for a repository of a later kind. */
export function parseMeta(text: string): RepositoryMeta {
  const meta = parseObject(text);
  const version = meta.version;
  if (typeof version !== "number" || !Number.isInteger(version) || version < 1) fail("version is no positive number");
  if (version > VERSION) {
    throw new Oci2cfsError(
      "unsupported",
      `repository: meta.json has version ${version}, this program knows ${VERSION}`,
      {
        hint: "a newer oci2cfs or cfsctl made it",
      },
    );
  }
  const algorithm = (Object.keys(algorithmNames) as HashAlgorithm[]).find(
    (name) => algorithmNames[name] === meta.algorithm,
  );
  if (algorithm === undefined) {
    throw new Oci2cfsError("unsupported", `repository: meta.json has algorithm ${JSON.stringify(meta.algorithm)}`, {
      hint: `this program knows ${Object.values(algorithmNames).join(" and ")}`,
    });
  }
  const unknown = unknownFeatures(meta.features, "incompatible");
  if (unknown.length > 0) {
    throw new Oci2cfsError("unsupported", `repository: meta.json demands the features ${unknown.join(", ")}`);
  }
  return { algorithm, writable: unknownFeatures(meta.features, "read-only-compatible").length === 0 };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) fail("no JSON object");
  return value as Readonly<Record<string, unknown>>;
}

function unknownFeatures(features: unknown, kind: keyof typeof knownFeatures): string[] {
  if (features === undefined) return [];
  if (typeof features !== "object" || features === null || Array.isArray(features)) fail("features is no JSON object");
  const list = (features as Readonly<Record<string, unknown>>)[kind] ?? [];
  if (!Array.isArray(list) || !list.every((name) => typeof name === "string"))
    fail(`features.${kind} is no list of names`);
  return list.filter((name) => !knownFeatures[kind].includes(name));
}

function fail(message: string): never {
  throw new Oci2cfsError("bad-format", `repository: meta.json: ${message}`);
}
