import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Oci2cfsError } from "../../src/errors.ts";
import type { Descriptor } from "../../src/format/oci.ts";
import { type LayoutReference, parseReference } from "../../src/format/reference.ts";
import { openLayout } from "../../src/source/layout.ts";
import { openSource } from "../../src/source/open.ts";
import { verifyBlob } from "../../src/source/verify.ts";
import { type BuiltDescriptor, digestOf, LayoutBuilder, types } from "./layout-builder.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "oci2cfs-layout-"));
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true, force: true });
});

const open = (suffix = ""): ReturnType<typeof openLayout> =>
  openLayout(parseReference(`oci:${directory}${suffix}`) as LayoutReference);

async function failure(work: () => unknown): Promise<Oci2cfsError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Oci2cfsError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

function asDescriptor(built: BuiltDescriptor): Descriptor {
  return built as unknown as Descriptor;
}

describe("choosing an image of a layout", () => {
  it("takes a tag, a position, a digest, or the only image", async () => {
    const builder = new LayoutBuilder();
    const [first, second] = [builder.image(["a"]), builder.image(["b"])];
    builder.tag(first, "one").tag(second, "host:5000/two:x").write(directory);
    expect(await open(":one").root()).toMatchObject(first);
    expect(await open(":host:5000/two:x").root()).toMatchObject(second);
    expect(await open(":@1").root()).toMatchObject(second);
    expect(await open(`@${first.digest}`).root()).toMatchObject(first);
    expect(await failure(() => open().root())).toMatchObject({
      code: "image-not-found",
      message: "the layout holds 2 images, choose one",
      hint: "the layout has :one, :host:5000/two:x",
    });
    expect(await failure(() => open(":three").root())).toMatchObject({
      code: "image-not-found",
      message: "no image has the tag three",
      hint: "the layout has :one, :host:5000/two:x",
    });
    expect((await failure(() => open(":@2").root())).message).toBe("there is no image 2 among 2");
    expect((await failure(() => open(`@sha256:${"0".repeat(64)}`).root())).message).toBe("no image has this digest");
  });

  it("needs no tag when all entries are one image", async () => {
    const builder = new LayoutBuilder();
    const image = builder.image(["a"]);
    builder.tag(image, "one").tag(image, "two").write(directory);
    expect(await open().root()).toMatchObject(image);
  });

  it("takes an image without a tag, and shows such images by digest", async () => {
    const builder = new LayoutBuilder();
    const image = builder.image(["a"]);
    builder.tag(image).write(directory);
    expect(await open().root()).toMatchObject(image);
    expect((await failure(() => open(":x").root())).hint).toBe(`the layout has @${image.digest}`);
  });

  it("takes the first of two images with one tag, as skopeo does, and says so", async () => {
    const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const builder = new LayoutBuilder();
    const first = builder.image(["a"]);
    builder
      .tag(first, "x")
      .tag(builder.image(["b"]), "x")
      .write(directory);
    expect(await open(":x").root()).toMatchObject(first);
    expect(stderr.mock.calls.flat().join("")).toBe(
      `warn: oci:${directory}:x: 2 images have this tag; taking the first\n`,
    );
  });

  it("finds a manifest or an index by digest that index.json does not list", async () => {
    const builder = new LayoutBuilder();
    const image = builder.image(["a"]);
    const index = builder.index([image]);
    builder.tag(builder.index([index]), "x").write(directory);
    expect(await open(`@${image.digest}`).root()).toEqual(image);
    expect(await open(`@${index.digest}`).root()).toEqual(index);
    const config = [...builder.blobs].find(([, bytes]) => bytes.includes("diff_ids"))?.[0];
    expect((await failure(() => open(`@${config}`).root())).message).toBe(
      `blob ${config}: neither a manifest nor an index`,
    );
    writeFileSync(path.join(directory, "blobs", image.digest.replace(":", "/")), "{}");
    expect((await failure(() => open(`@${image.digest}`).root())).code).toBe("digest-mismatch");
  });

  it("passes over entries of other types, and names the type when only they match", async () => {
    const builder = new LayoutBuilder();
    const other = builder.json({}, "application/vnd.example+json");
    const image = builder.image(["a"]);
    builder.tag(other, "x").tag(image, "x").tag(other, "y").write(directory);
    expect(await open(":x").root()).toMatchObject(image);
    expect(await failure(() => open(":y").root())).toMatchObject({
      code: "unsupported",
      message: 'manifest type "application/vnd.example+json"',
    });
  });

  it("says when there is no image at all", async () => {
    new LayoutBuilder().write(directory);
    const error = await failure(() => open().root());
    expect(error).toMatchObject({ code: "image-not-found", message: "the layout holds no image", hint: undefined });
  });
});

describe("what is no layout", () => {
  it("is refused by name", async () => {
    expect(await failure(() => open("/nothing"))).toMatchObject({
      code: "image-not-found",
      message: `oci:${directory}/nothing: no such directory`,
    });
    expect(await failure(() => open())).toMatchObject({
      code: "bad-format",
      message: `oci:${directory}: not an OCI image layout: there is no oci-layout`,
    });
    writeFileSync(path.join(directory, "oci-layout"), '{"imageLayoutVersion":"2.0.0"}');
    expect(await failure(() => open())).toMatchObject({
      code: "unsupported",
      message: `oci:${directory}: oci-layout: layout version "2.0.0"`,
    });
    writeFileSync(path.join(directory, "oci-layout"), "x".repeat(65_537));
    expect((await failure(() => open())).message).toMatch(/oci-layout: 65537 bytes are more than 65536$/);
    writeFileSync(path.join(directory, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
    expect((await failure(() => open().root())).message).toBe("not an OCI image layout: there is no index.json");
    mkdirSync(path.join(directory, "index.json"));
    expect((await failure(() => open().root())).message).toBe(`${directory}/index.json: not a regular file`);
  });
});

describe("blobs", () => {
  it("are read whole and checked", async () => {
    const builder = new LayoutBuilder();
    const image = builder.image(["layer"]);
    const layer = builder.blob(Buffer.from("layer"), types.tar);
    builder.tag(image).write(directory);
    const source = open();
    expect((await source.readBlob(asDescriptor(image), 1000)).equals(builder.blobs.get(image.digest) as Buffer)).toBe(
      true,
    );
    expect(await source.openLayer(asDescriptor(layer))).toEqual({
      path: path.join(directory, "blobs", layer.digest.replace(":", "/")),
      offset: 0,
      size: 5,
    });
    expect(await failure(() => source.readBlob(asDescriptor(image), 10))).toMatchObject({
      code: "bad-format",
      message: `blob ${image.digest}: ${image.size} bytes are more than 10`,
    });
    const absent = `sha256:${"0".repeat(64)}`;
    const missing = { ...layer, digest: absent } as unknown as Descriptor;
    expect(await failure(() => source.openLayer(missing))).toMatchObject({
      code: "bad-format",
      message: `blob ${absent} is missing`,
    });
    await source.close();
  });

  it("of a wrong size or content are a digest mismatch", async () => {
    const builder = new LayoutBuilder();
    const layer = builder.blob(Buffer.from("layer"), types.tar);
    builder.write(directory);
    const file = path.join(directory, "blobs", layer.digest.replace(":", "/"));
    const source = open();
    writeFileSync(file, "LAYER");
    const changed = await failure(() => source.readBlob(asDescriptor(layer), 1000));
    expect(changed.code).toBe("digest-mismatch");
    expect(changed.data).toEqual({ expected: layer.digest, actual: digestOf(Buffer.from("LAYER")) });
    truncateSync(file, 4);
    expect(await failure(() => source.openLayer(asDescriptor(layer)))).toMatchObject({
      code: "digest-mismatch",
      message: `blob ${layer.digest}: expected 5 bytes, got 4`,
    });
    expect((await failure(() => source.readBlob(asDescriptor(layer), 1000))).code).toBe("digest-mismatch");
  });

  it("may be symlinks, and sha512", async () => {
    const builder = new LayoutBuilder();
    const layer = builder.blob(Buffer.from("layer"), types.tar);
    builder.write(directory);
    const file = path.join(directory, "blobs", layer.digest.replace(":", "/"));
    renameSync(file, path.join(directory, "elsewhere"));
    symlinkSync("../../elsewhere", file);
    expect(await open().openLayer(asDescriptor(layer))).toEqual({ path: file, offset: 0, size: 5 });
    const long = digestOf(Buffer.from("long"), "sha512");
    mkdirSync(path.join(directory, "blobs/sha512"));
    writeFileSync(path.join(directory, "blobs", long.replace(":", "/")), "long");
    const bytes = await open().readBlob({ mediaType: types.tar, digest: long, size: 4 }, 10);
    expect(bytes.toString()).toBe("long");
  });
});

describe("verifyBlob", () => {
  it("checks size before digest", () => {
    const bytes = Buffer.from("abc");
    const digest = digestOf(bytes);
    expect(() => verifyBlob(bytes, { digest, size: 3 })).not.toThrow();
    expect(() => verifyBlob(bytes, { digest, size: 4 })).toThrow("expected 4 bytes, got 3");
    expect(() => verifyBlob(Buffer.from("abd"), { digest, size: 3 })).toThrow(/its bytes have digest sha256:/);
  });
});

describe("openSource", () => {
  it("opens a layout", async () => {
    const builder = new LayoutBuilder();
    builder.tag(builder.image(["a"]), "x").write(directory);
    const source = await openSource(parseReference(`oci:${directory}:x`));
    expect(source.reference).toBe(`oci:${directory}:x`);
    expect((await source.root()).mediaType).toBe(types.manifest);
  });

  it.each(["docker://debian", "docker-archive:x.tar", "dir:x", "containers-storage:x"])(
    "names the transport of %s",
    async (text) => {
      const transport = text.slice(0, text.indexOf(":"));
      const error = await failure(() => openSource(parseReference(text)));
      expect(error.code).toBe("unsupported");
      expect(error.message.endsWith(`: transport ${transport}`)).toBe(true);
    },
  );
});
