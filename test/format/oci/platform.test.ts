import { describe, expect, it } from "vitest";
import { Oci2cfsError } from "../../../src/errors.ts";
import {
  choosePlatform,
  type Descriptor,
  formatPlatform,
  hostPlatform,
  type Index,
  matchesPlatform,
  parsePlatform,
  platformCandidates,
} from "../../../src/format/oci.ts";

const digestA = `sha256:${"a".repeat(64)}`;
const manifestType = "application/vnd.oci.image.manifest.v1+json";

function failure(work: () => unknown): Oci2cfsError {
  try {
    work();
  } catch (error) {
    if (error instanceof Oci2cfsError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("platforms", () => {
  const indexOf = (...platforms: (string | undefined | Record<string, unknown>)[]): Index => ({
    schemaVersion: 2,
    manifests: platforms.map((given, position): Descriptor => {
      const [os = "", architecture = "", variant] = typeof given === "string" ? given.split("/") : [];
      const platform =
        typeof given === "string"
          ? { platform: { os, architecture, ...(variant === undefined ? {} : { variant }) } }
          : {};
      return {
        mediaType: manifestType,
        digest: digestA as Descriptor["digest"],
        size: position,
        ...platform,
        ...(typeof given === "object" ? given : {}),
      };
    }),
  });
  const choose = (wanted: string, ...platforms: (string | undefined | Record<string, unknown>)[]): number =>
    choosePlatform(indexOf(...platforms), parsePlatform(wanted)).size;

  it("reads and writes them", () => {
    expect(parsePlatform("linux/arm64/v8")).toEqual({ os: "linux", architecture: "arm64", variant: "v8" });
    expect(formatPlatform(parsePlatform("Linux/X86_64"))).toBe("linux/amd64");
    expect(formatPlatform(parsePlatform("linux/aarch64"))).toBe("linux/arm64");
    expect(formatPlatform(parsePlatform("linux/armhf"))).toBe("linux/arm/v7");
    expect(formatPlatform(parsePlatform("linux/arm/6"))).toBe("linux/arm/v6");
    for (const text of [
      "",
      "linux",
      "linux/",
      "/amd64",
      "linux/amd64/",
      "linux/a/b/c",
      "linux/am d64",
      "linux/amd64\n",
    ]) {
      expect(failure(() => parsePlatform(text)).code).toBe("usage");
    }
  });

  it("names this machine as Go does", () => {
    expect(hostPlatform("x64")).toEqual({ os: "linux", architecture: "amd64" });
    expect(hostPlatform("arm64")).toEqual({ os: "linux", architecture: "arm64" });
    expect(hostPlatform("s390x")).toEqual({ os: "linux", architecture: "s390x" });
    expect(hostPlatform().os).toBe("linux");
  });

  it.each<[string, readonly (string | undefined)[], number]>([
    ["linux/amd64", ["linux/arm64", "linux/amd64", "linux/amd64"], 1],
    ["linux/amd64", ["windows/amd64", "linux/amd64"], 1],
    ["linux/amd64", ["unknown/unknown", "linux/amd64"], 1],
    ["linux/amd64", ["linux/amd64/v3", "linux/amd64"], 1],
    ["linux/amd64", ["linux/amd64/v3", "linux/amd64/v1"], 1],
    ["linux/amd64/v3", ["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"], 1],
    ["linux/amd64/v3", ["linux/amd64", "linux/amd64/v3"], 1],
    ["linux/arm64", ["linux/arm/v7", "linux/arm64/v8"], 1],
    ["linux/arm64/v8", ["linux/arm64", "linux/arm64/v9"], 0],
    ["linux/arm64/v8.2", ["linux/arm64/v9", "linux/arm64/v8"], 1],
    ["linux/arm/v7", ["linux/arm/v5", "linux/arm/v6", "linux/arm/v8"], 1],
    ["linux/arm/v8", ["linux/arm/v5", "linux/arm/v7"], 1],
    ["linux/arm", ["linux/arm/v5", "linux/arm/v7", "linux/arm/v8"], 1],
    ["linux/riscv64", ["linux/riscv64/rva23", "linux/riscv64"], 1],
    ["linux/riscv64/rva23", ["linux/riscv64", "linux/riscv64/rva23"], 1],
    ["linux/amd64", [undefined, "linux/amd64"], 1],
    ["linux/amd64", ["linux/arm64", undefined], 1],
    ["linux/x86_64", ["linux/aarch64", "linux/x86_64"], 1],
  ])("for %s among %j takes number %i", (wanted, platforms, expected) => {
    expect(choose(wanted, ...platforms)).toBe(expected);
  });

  it("prefers zstd to gzip, as containers/image does, and leaves attestations and artifacts out", () => {
    const zstd = {
      platform: { os: "linux", architecture: "amd64" },
      annotations: { "io.github.containers.compression.zstd": "true" },
    };
    expect(choose("linux/amd64", "linux/amd64", zstd)).toBe(1);
    const attestation = { annotations: { "vnd.docker.reference.type": "attestation-manifest" } };
    const artifact = { artifactType: "application/spdx+json" };
    const layerEntry = { mediaType: "application/vnd.oci.image.layer.v1.tar" };
    expect(choose("linux/amd64", attestation, artifact, layerEntry, undefined)).toBe(3);
    expect(
      platformCandidates(indexOf(undefined, "linux/amd64/v1", "linux/amd64"), parsePlatform("linux/amd64")).map(
        ({ size }) => size,
      ),
    ).toEqual([2, 1, 0]);
  });

  it("tells which platforms there are", () => {
    const error = failure(() =>
      choose("linux/s390x", "linux/amd64", "linux/arm64/v8", "linux/amd64", "unknown/unknown", "a\n/b"),
    );
    expect(error).toMatchObject({
      code: "image-not-found",
      message: "no image for linux/s390x in the index",
      hint: "there are linux/amd64, linux/arm64/v8",
    });
    expect(failure(() => choose("linux/arm64", "linux/arm/v7")).code).toBe("image-not-found");
    expect(failure(() => choose("linux/arm64")).hint).toBe("no entry names a platform");
  });

  it("compares a config's platform", () => {
    expect(matchesPlatform({ os: "linux", architecture: "arm64", variant: "v8" }, parsePlatform("linux/arm64"))).toBe(
      true,
    );
    expect(matchesPlatform({ os: "linux", architecture: "arm64", variant: "" }, parsePlatform("linux/arm64/v8"))).toBe(
      true,
    );
    expect(matchesPlatform({ os: "linux", architecture: "amd64" }, parsePlatform("linux/arm64"))).toBe(false);
  });
});
