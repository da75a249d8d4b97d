// Layouts and archives as skopeo, umoci and buildah write them, and references and choices as skopeo reads them.

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Oci2cfsError } from "../../src/errors.ts";
import { parsePlatform } from "../../src/format/oci.ts";
import { parseReference } from "../../src/format/reference.ts";
import { setLogLevel } from "../../src/log.ts";
import { openSource } from "../../src/source/open.ts";
import { type ResolvedImage, resolveImage } from "../../src/source/resolve.ts";
import { digestOf, LayoutBuilder, tarOf, types } from "../source/layout-builder.ts";
import { type Scratch, type Tool, titled, tool } from "./tools.ts";

// The warnings are on purpose.
setLogLevel("error");

const skopeo = tool("skopeo");
const umoci = tool("umoci");
const buildah = tool("buildah");

interface Resolved {
  readonly image: ResolvedImage;
  /** The bytes of each layer blob. */
  readonly layers: readonly Buffer[];
}

async function resolve(reference: string, platform = "linux/amd64"): Promise<Resolved> {
  const source = await openSource(parseReference(reference));
  try {
    const image = await resolveImage(source, { platform: parsePlatform(platform) });
    const layers: Buffer[] = [];
    for (const { descriptor } of image.layers) {
      const { path: file, offset, size } = await source.openLayer(descriptor);
      layers.push(readFileSync(file).subarray(offset, offset + size));
    }
    return { image, layers };
  } finally {
    await source.close();
  }
}

/** The image's every layer has the bytes its descriptor names. */
async function expectSound(reference: string, layers: number): Promise<ResolvedImage> {
  const resolved = await resolve(reference);
  expect(resolved.layers.map((bytes) => digestOf(bytes))).toEqual(
    resolved.image.layers.map(({ descriptor }) => descriptor.digest),
  );
  expect(resolved.layers).toHaveLength(layers);
  return resolved.image;
}

function run(program: Tool, ...args: string[]): Buffer {
  const { status, stdout, stderr } = program.run(args);
  if (status !== 0) throw new Error(`${program.name} ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** A layout with two real gzip layers under the tag `x`, made by us. */
async function writeLayout(directory: string): Promise<void> {
  const builder = new LayoutBuilder();
  const tars = [
    await tarOf([
      { name: "etc/", type: "directory" },
      { name: "etc/a", content: Buffer.from("a".repeat(5000)) },
    ]),
    await tarOf([{ name: "b", content: Buffer.from("b") }]),
  ];
  const layers = tars.map((tar) => builder.blob(gzipSync(tar), `${types.tar}+gzip`));
  const config = builder.json(
    {
      os: "linux",
      architecture: "amd64",
      config: {},
      rootfs: { type: "layers", diff_ids: tars.map((tar) => digestOf(tar)) },
    },
    types.config,
  );
  builder.tag(builder.json({ schemaVersion: 2, mediaType: types.manifest, config, layers }, types.manifest), "x");
  builder.write(directory);
}

describe.skipIf(skopeo.found === undefined)(titled("skopeo", skopeo), () => {
  const program = skopeo.found as Tool;
  let scratch: Scratch;

  beforeAll(async () => {
    scratch = program.scratch();
    await writeLayout(path.join(scratch.outside, "layout"));
  });

  afterAll(() => scratch.remove());

  const inspect = (reference: string): Buffer => run(program, "inspect", "--raw", reference);
  const copy = (...args: string[]): Buffer => run(program, "--insecure-policy", "copy", "-q", ...args);

  it("copies our layout to an archive that we read in place", async () => {
    const original = await expectSound(`oci:${scratch.outside}/layout:x`, 2);
    copy(`oci:${scratch.inside}/layout:x`, `oci-archive:${scratch.inside}/image.tar:x`);
    for (const suffix of ["", ":x"]) {
      const archived = await expectSound(`oci-archive:${scratch.outside}/image.tar${suffix}`, 2);
      expect(archived.manifestDigest).toBe(original.manifestDigest);
    }
    const raw = inspect(`oci-archive:${scratch.inside}/image.tar:x`);
    expect(raw.equals(original.manifestBytes)).toBe(true);
  });

  it.each([
    ["zstd", ["--dest-compress-format", "zstd", "--dest-compress"]],
    ["gzip", ["--dest-compress"]],
  ])("writes %s layers of the same diff_ids", async (compression, options) => {
    const original = await resolve(`oci:${scratch.outside}/layout:x`);
    copy(...options, `oci:${scratch.inside}/layout:x`, `oci:${scratch.inside}/${compression}:a/b:c`);
    const image = await expectSound(`oci:${scratch.outside}/${compression}:a/b:c`, 2);
    expect(image.config.rootfs).toEqual(original.image.config.rootfs);
    if (compression === "gzip") expect(image.layers.map((layer) => layer.compression)).toEqual(["gzip", "gzip"]);
    expect(image.layers.map((layer) => layer.diffId)).toEqual(original.image.config.rootfs.diff_ids);
  });

  it("takes the same image of a layout", async () => {
    const builder = new LayoutBuilder();
    const [first, second, third] = [builder.image(["1"]), builder.image(["2"]), builder.image(["3"])];
    const other = builder.json({}, "application/vnd.example+json");
    builder.tag(other, "a").tag(first, "a").tag(second, "a").tag(third, "host:5/b.c:d").tag(third).tag(other, "e");
    builder.write(path.join(scratch.outside, "several"));
    for (const suffix of [
      "",
      ":",
      ":a",
      ":host:5/b.c:d",
      ":e",
      ":none",
      ":A",
      ":-",
      ":a b",
      ":a//b",
      ":a--b",
      ":a---b",
    ]) {
      const { status, stdout } = program.run(["inspect", "--raw", `oci:${scratch.inside}/several${suffix}`]);
      let ours: Buffer | undefined;
      try {
        ours = (await resolve(`oci:${scratch.outside}/several${suffix}`)).image.manifestBytes;
      } catch (error) {
        expect(error).toBeInstanceOf(Oci2cfsError);
      }
      expect(ours?.equals(stdout), suffix).toBe(status === 0 ? true : undefined);
    }
  });

  it("picks the same platform of an index", async () => {
    const builder = new LayoutBuilder();
    const names = [
      "linux/arm/v5",
      "linux/arm/v7",
      "linux/arm/v6",
      "linux/arm64/v8",
      "linux/ppc64le",
      "linux/amd64",
      "windows/amd64",
      "unknown/unknown",
      "linux/amd64",
    ];
    const entries = names.map((name, number) => {
      const [os = "", architecture = "", variant] = name.split("/");
      const platform = { os, architecture, ...(variant === undefined ? {} : { variant }) };
      const tar = `${number}`;
      return { ...builder.image([tar], platform), platform };
    });
    builder.tag(builder.index(entries), "x").write(path.join(scratch.outside, "platforms"));
    const wanted = [
      "linux/amd64",
      "linux/arm64",
      "linux/arm64/v8",
      "linux/arm/v7",
      "linux/arm/v6",
      "linux/arm/v5",
      "linux/ppc64le",
      "linux/s390x",
      "windows/amd64",
    ];
    for (const platform of wanted) {
      const [os = "", architecture = "", variant = ""] = platform.split("/");
      const overrides = [
        "--override-os",
        os,
        "--override-arch",
        architecture,
        ...(variant === "" ? [] : ["--override-variant", variant]),
      ];
      const target = `dir-${platform.replaceAll("/", "-")}`;
      const { status } = program.run([
        "--insecure-policy",
        ...overrides,
        "copy",
        "-q",
        `oci:${scratch.inside}/platforms:x`,
        `dir:${scratch.inside}/${target}`,
      ]);
      const theirs =
        status === 0 ? digestOf(readFileSync(path.join(scratch.outside, target, "manifest.json"))) : undefined;
      let ours: string | undefined;
      try {
        ours = (await resolve(`oci:${scratch.outside}/platforms:x`, platform)).image.manifestDigest;
      } catch (error) {
        expect((error as Oci2cfsError).code).toBe("image-not-found");
      }
      expect(ours, platform).toBe(theirs);
    }
  });

  it("accepts and refuses the same names", () => {
    const part = fc.stringMatching(/^[a-zA-Z0-9._:-]{1,6}$/);
    const words = fc.constantFrom(
      "a",
      "b1",
      "A",
      "_",
      "__",
      "___",
      "-",
      "--",
      ".",
      "..",
      ":",
      "/",
      "//",
      "@",
      "localhost",
      "h.invalid",
      "a".repeat(64),
    );
    const name = fc.oneof(
      fc.array(words, { minLength: 1, maxLength: 5 }).map((all) => all.join("")),
      fc.tuple(part, part).map((all) => `h.invalid/${all.join("/")}`),
      fc.tuple(part, part).map(([repository, tag]) => `localhost:1/${repository}:${tag}`),
      fc
        .tuple(part, fc.constantFrom("sha256:ab", `sha256:${"a".repeat(64)}`, `sha512:${"b".repeat(128)}`))
        .map((all) => `x/${all.join("@")}`),
    );
    const names = fc.sample(name, { numRuns: 150, seed: 20_260_101 });
    const quoted = names.map((text) => `'docker://${text}'`).join(" ");
    // The source is not there: skopeo reads both references before it looks, and asks no network.
    const { stdout } = program.shell(
      `for name in ${quoted}; do skopeo --insecure-policy copy dir:/nonexistent "$name" 2>&1 | grep -c 'Invalid destination name'; done`,
    );
    const theirs = stdout
      .toString()
      .trim()
      .split("\n")
      .map((count) => count === "0");
    const ours = names.map((text) => {
      try {
        const { tag, digest } = parseReference(`docker://${text}`) as { tag?: string; digest?: string };
        // Both at once are ours alone: skopeo takes one of them.
        return tag === undefined || digest === undefined;
      } catch (error) {
        expect((error as Oci2cfsError).code).toBe("usage");
        return false;
      }
    });
    expect(names.filter((_, number) => ours[number] !== theirs[number])).toEqual([]);
    expect(new Set(theirs)).toEqual(new Set([true, false]));
  });
});

describe.skipIf(umoci.found === undefined)(titled("umoci", umoci), () => {
  const program = umoci.found as Tool;
  let scratch: Scratch;

  beforeAll(() => {
    scratch = program.scratch();
  });

  afterAll(() => scratch.remove());

  it("writes images that we read, the one without layers too", async () => {
    const layout = `${scratch.inside}/layout`;
    run(program, "init", "--layout", layout);
    run(program, "new", "--image", `${layout}:empty`);
    await expectSound(`oci:${scratch.outside}/layout`, 0);
    writeFileSync(path.join(scratch.outside, "file"), "content\n");
    run(program, "insert", "--image", `${layout}:empty`, "--tag", "one", `${scratch.inside}/file`, "/etc/file");
    run(program, "insert", "--image", `${layout}:one`, "--tag", "two", `${scratch.inside}/file`, "/etc/other");
    await expectSound(`oci:${scratch.outside}/layout:empty`, 0);
    await expectSound(`oci:${scratch.outside}/layout:one`, 1);
    const two = await expectSound(`oci:${scratch.outside}/layout:two`, 2);
    expect(two.layers.map(({ compression }) => compression)).toEqual(["gzip", "gzip"]);
    const byDigest = await expectSound(`oci:${scratch.outside}/layout@${two.manifestDigest}`, 2);
    expect(byDigest.manifestBytes.equals(two.manifestBytes)).toBe(true);
  });
});

describe.skipIf(buildah.found === undefined)(titled("buildah", buildah), () => {
  const program = buildah.found as Tool;
  let scratch: Scratch;

  beforeAll(() => {
    scratch = program.scratch();
  });

  afterAll(() => scratch.remove());

  it("writes an index of images from scratch that we read, alone and nested in another", async () => {
    const at = scratch.inside;
    writeFileSync(path.join(scratch.outside, "file"), "content\n");
    const { status, stderr } = program.shell(`
      set -e
      b="buildah --storage-driver vfs --root ${at}/root --runroot ${at}/run"
      for arch in amd64 arm64; do
        c=$($b from --arch $arch --os linux scratch)
        $b copy -q $c ${at}/file /file-$arch
        $b commit -q $c image-$arch
        $b rm $c
      done
      $b manifest create list
      $b manifest add --arch amd64 --os linux list containers-storage:localhost/image-amd64
      $b manifest add --arch arm64 --os linux --variant v8 list containers-storage:localhost/image-arm64
      $b manifest push --all list oci:${at}/layout:x
      $b rmi -a -f`);
    expect(status, stderr).toBe(0);
    const reference = `oci:${scratch.outside}/layout:x`;
    const [amd64, arm64] = [await resolve(reference), await resolve(reference, "linux/arm64")];
    expect([amd64, arm64].map(({ image }) => image.config.architecture)).toEqual(["amd64", "arm64"]);
    expect(amd64.image.manifestDigest).not.toBe(arm64.image.manifestDigest);

    const source = await openSource(parseReference(reference));
    const inner = await source.root();
    const outer = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: types.index, manifests: [inner] }));
    const digest = digestOf(outer);
    writeFileSync(path.join(scratch.outside, "layout/blobs", digest.replace(":", "/")), outer);
    const nested = await resolve(`oci:${scratch.outside}/layout@${digest}`, "linux/arm64/v8");
    expect(nested.image.manifestDigest).toBe(arm64.image.manifestDigest);
  });
});
