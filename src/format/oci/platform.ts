// Which image of an index a machine takes (image-spec image-index.md "platform"), chosen as containers/image does
// (internal/pkg/platform), with the spellings that containerd (platforms.Normalize) understands.

import { Oci2cfsError } from "../../errors.ts";
import type { Descriptor, Index } from "./documents.ts";
import { manifestKind } from "./media-types.ts";

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** `os/architecture[/variant]`, in any case and with `uname -m` names. @throws Oci2cfsError `usage` */
export function parsePlatform(text: string): Platform {
  const match = /^([a-z0-9_.-]{1,40})\/([a-z0-9_.-]{1,40})(?:\/([a-z0-9_.-]{1,40}))?$/i.exec(text);
  if (match === null) {
    throw new Oci2cfsError("usage", `"${text.slice(0, 160)}" is not a platform`, {
      hint: "a platform is os/architecture[/variant], such as linux/amd64 or linux/arm64/v8",
    });
  }
  const [, os = "", architecture = "", variant] = match;
  return normalizePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) });
}

export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return variant === undefined || variant === "" ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

const aliases: ReadonlyMap<string, { readonly architecture: string; readonly variant?: string }> = new Map([
  ["x86_64", { architecture: "amd64" }],
  ["x86-64", { architecture: "amd64" }],
  ["aarch64", { architecture: "arm64" }],
  ["i386", { architecture: "386" }],
  ["armhf", { architecture: "arm", variant: "v7" }],
  ["armel", { architecture: "arm", variant: "v6" }],
]);

function normalizePlatform(platform: Platform): Platform {
  const named = platform.architecture.toLowerCase();
  const { architecture, variant: implied } = aliases.get(named) ?? { architecture: named };
  const variant = (platform.variant || implied || "").toLowerCase().replace(/^(?=\d)/, "v");
  return { os: platform.os.toLowerCase(), architecture, ...(variant === "" ? {} : { variant }) };
}

/** Node's names for what Go, and so OCI, calls differently. */
const nodeArchitectures: ReadonlyMap<string, string> = new Map([
  ["x64", "amd64"],
  ["ia32", "386"],
  ["mipsel", "mipsle"],
  ["ppc64", "ppc64le"],
]);

/** This machine's platform. The system is Linux wherever we run: there is no composefs for another one. */
export function hostPlatform(machine: string = process.arch): Platform {
  return { os: "linux", architecture: nodeArchitectures.get(machine) ?? machine };
}

/**
 * From the most able machine to the plainest; an image that names no variant runs on all of them. An image for 32-bit arm
 * never stands in for arm64 as it does for containerd: as an operating system it would not boot.
 */
const ladders: ReadonlyMap<string, { readonly variants: readonly string[]; readonly base: string }> = new Map([
  ["amd64", { variants: ["v4", "v3", "v2", "v1"], base: "v1" }],
  ["arm64", { variants: ["v9", "v8"], base: "v8" }],
  ["arm", { variants: ["v8", "v7", "v6", "v5"], base: "v7" }],
]);

/** Variants that will do, the best first; "" is an image without one. */
function wantedVariants({ architecture, variant }: Platform): readonly string[] {
  const ladder = ladders.get(architecture);
  if (variant === undefined) return ["", ...(ladder?.variants.slice(ladder.variants.indexOf(ladder.base)) ?? [])];
  const whole = variant.replace(/\.\d+$/, "");
  const start = ladder?.variants.indexOf(whole) ?? -1;
  const lower = ladder === undefined || start < 0 ? [] : ladder.variants.slice(start);
  return [...new Set([variant, ...lower, ""])];
}

const NO_MATCH = -1;
const NO_PLATFORM = Number.MAX_SAFE_INTEGER;

/** How well an image's platform suits: 0 is best, -1 not at all. */
function rank(image: Platform, wanted: Platform): number {
  const { os, architecture, variant } = normalizePlatform(image);
  if (os !== wanted.os || architecture !== wanted.architecture) return NO_MATCH;
  return wantedVariants(wanted).indexOf(variant ?? "");
}

export function matchesPlatform(image: Platform, wanted: Platform): boolean {
  return rank(image, normalizePlatform(wanted)) !== NO_MATCH;
}

const ATTESTATION = "vnd.docker.reference.type";
const PREFERS_ZSTD = "io.github.containers.compression.zstd";

/**
 * The entries that may hold the wanted image, the best first: by variant, then zstd before gzip, then in the index's order.
 * Entries without a platform come last, nested indexes among them. Attestations, which BuildKit files under
 * `unknown/unknown`, and other artifacts are left out.
 */
export function platformCandidates(index: Index, platform: Platform): Descriptor[] {
  const wanted = normalizePlatform(platform);
  const candidates: { descriptor: Descriptor; rank: number; zstd: boolean }[] = [];
  for (const descriptor of index.manifests) {
    const { annotations, artifactType } = descriptor;
    if (manifestKind(descriptor.mediaType) === undefined || annotations?.[ATTESTATION] !== undefined) continue;
    if (descriptor.platform === undefined && (artifactType ?? "") !== "") continue;
    const place = descriptor.platform === undefined ? NO_PLATFORM : rank(descriptor.platform, wanted);
    if (place === NO_MATCH) continue;
    candidates.push({ descriptor, rank: place, zstd: annotations?.[PREFERS_ZSTD] === "true" });
  }
  candidates.sort((a, b) => a.rank - b.rank || Number(b.zstd) - Number(a.zstd));
  return candidates.map(({ descriptor }) => descriptor);
}

/** The best entry; it may be a nested index. @throws Oci2cfsError `image-not-found` with the platforms there are. */
export function choosePlatform(index: Index, platform: Platform): Descriptor {
  const [best] = platformCandidates(index, platform);
  if (best === undefined) throw noSuchPlatform(platform, index.manifests);
  return best;
}

/** @param entries everything that was looked at. */
export function noSuchPlatform(platform: Platform, entries: readonly Descriptor[]): Oci2cfsError {
  const names = entries.flatMap((entry) => (entry.platform === undefined ? [] : [formatPlatform(entry.platform)]));
  const known = [...new Set(names)].filter((name) => name !== "unknown/unknown" && /^[\w./-]{1,60}$/.test(name));
  const shown = known.length > 20 ? [...known.slice(0, 20), `${known.length - 20} more`] : known;
  return new Oci2cfsError("image-not-found", `no image for ${formatPlatform(platform)} in the index`, {
    hint: known.length === 0 ? "no entry names a platform" : `there are ${shown.join(", ")}`,
  });
}
