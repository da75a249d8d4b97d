import { describe, expect, it } from "vitest";
import { Oci2cfsError } from "../../../src/errors.ts";
import { layerCompression } from "../../../src/format/oci.ts";

function failure(work: () => unknown): Oci2cfsError {
  try {
    work();
  } catch (error) {
    if (error instanceof Oci2cfsError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("layer types", () => {
  it.each([
    ["application/vnd.oci.image.layer.v1.tar", "none"],
    ["application/vnd.oci.image.layer.v1.tar+gzip", "gzip"],
    ["application/vnd.oci.image.layer.v1.tar+zstd", "zstd"],
    ["application/vnd.oci.image.layer.nondistributable.v1.tar", "none"],
    ["application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "gzip"],
    ["application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", "zstd"],
    ["application/vnd.docker.image.rootfs.diff.tar", "none"],
    ["application/vnd.docker.image.rootfs.diff.tar.gzip", "gzip"],
    ["application/vnd.docker.image.rootfs.diff.tar.zstd", "zstd"],
    ["application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "gzip"],
  ])("%s is %s", (type, compression) => {
    expect(layerCompression(type)).toBe(compression);
  });

  it.each([
    ["application/vnd.oci.image.layer.v1.tar+gzip+encrypted", /^encrypted layer of type "application.*encrypted"$/],
    ["application/vnd.oci.image.layer.v1.tar+lz4", /^layer type "application.*lz4"$/],
    ["application/vnd.oci.image.layer.v1.tar.gzip", /^layer type /],
    ["application/vnd.docker.image.rootfs.diff.tar+gzip", /^layer type /],
    ["application/vnd.oci.empty.v1+json", /^layer type /],
    ["application/vnd.cncf.helm.chart.content.v1.tar+gzip", /^layer type /],
    ["", /^layer type ""$/],
  ])("refuses %s by name", (type, message) => {
    const error = failure(() => layerCompression(type));
    expect(error.code).toBe("unsupported");
    expect(error.message).toMatch(message);
  });
});
