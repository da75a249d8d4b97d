import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Oci2cfsError } from "../../src/errors.ts";
import type { Descriptor } from "../../src/format/oci.ts";
import { hostPlatform } from "../../src/format/oci.ts";
import { type LayoutReference, parseReference } from "../../src/format/reference.ts";
import { openArchive } from "../../src/source/archive.ts";
import { resolveImage } from "../../src/source/resolve.ts";
import type { BlobFile, ImageSource } from "../../src/source/source.ts";
import { type BuiltDescriptor, LayoutBuilder, membersOf, type TarMember, tarOf } from "./layout-builder.ts";

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), "oci2cfs-archive-"));
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

function openBytes(bytes: Buffer, suffix = ""): ImageSource {
  const file = path.join(directory, "image.tar");
  writeFileSync(file, bytes);
  return openArchive(parseReference(`oci-archive:${file}${suffix}`) as LayoutReference);
}

async function failure(work: () => unknown): Promise<Oci2cfsError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Oci2cfsError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

function readBlobFile({ path: file, offset, size }: BlobFile): string {
  return readFileSync(file).toString("latin1", offset, offset + size);
}

const platform = hostPlatform("x64");
const texts = ["layer one", "", "x".repeat(1000), "y".repeat(512)];

function build(): { builder: LayoutBuilder; image: BuiltDescriptor } {
  const builder = new LayoutBuilder();
  const image = builder.image(texts);
  builder.tag(image, "x");
  return { builder, image };
}

describe("an archive of a layout", () => {
  it.each(["", "./", "/", ".//"])("is read in place, with names that begin with %j", async (prefix) => {
    const { builder, image } = build();
    const directories: TarMember[] = [{ name: `${prefix}blobs/`, type: "directory" }];
    const source = openBytes(await tarOf([...directories, ...membersOf(builder.files(), prefix)]), ":x");
    expect(await source.root()).toMatchObject(image);
    const resolved = await resolveImage(source, { platform });
    const layers = await Promise.all(resolved.layers.map(({ descriptor }) => source.openLayer(descriptor)));
    expect(layers.map(readBlobFile)).toEqual(texts);
    await source.close();
  });

  it("may have long names, and members that are no part of the layout", async () => {
    const { builder } = build();
    const extra: TarMember[] = [
      { name: `${"n".repeat(300)}/${"m".repeat(200)}`, content: Buffer.from("z".repeat(700)) },
      { name: "repositories", type: "symlink", linkname: "manifest.json" },
      { name: "manifest.json", content: Buffer.from("[]") },
    ];
    const source = openBytes(await tarOf([...extra, ...membersOf(builder.files())]));
    expect((await resolveImage(source, { platform })).layers).toHaveLength(4);
  });

  it("takes the last of two members of one name", async () => {
    const { builder } = build();
    const old: TarMember = { name: "index.json", content: Buffer.from('{"schemaVersion":2,"manifests":[]}') };
    const source = openBytes(await tarOf([old, ...membersOf(builder.files())]), ":x");
    expect((await resolveImage(source, { platform })).layers).toHaveLength(4);
    const replaced = openBytes(await tarOf([...membersOf(builder.files()), old]));
    expect((await failure(() => replaced.root())).message).toBe("the layout holds no image");
  });

  it("ends at its end blocks, whatever follows", async () => {
    const { builder } = build();
    const bytes = await tarOf(membersOf(builder.files()));
    const source = openBytes(Buffer.concat([bytes, Buffer.alloc(10_000, "junk")]));
    expect((await resolveImage(source, { platform })).layers).toHaveLength(4);
    const unended = openBytes(bytes.subarray(0, bytes.length - 1024));
    expect((await resolveImage(unended, { platform })).layers).toHaveLength(4);
  });

  it.each(["link", "symlink", "fifo"] as const)("refuses a blob that is a %s", async (type) => {
    const { builder, image } = build();
    const name = `blobs/${image.digest.replace(":", "/")}`;
    const members = membersOf(builder.files()).map((member): TarMember => {
      return member.name === name ? { name, type, linkname: "oci-layout" } : member;
    });
    const source = openBytes(await tarOf(members));
    const error = await failure(() => source.readBlob(image as unknown as Descriptor, 1000));
    expect(error.code).toBe("bad-format");
    expect(error.message).toBe(`${name} is ${type === "fifo" ? "not a regular file" : "a link"}`);
  });
});

describe("what is no such archive", () => {
  it("is refused by name", async () => {
    const { builder } = build();
    const bytes = await tarOf(membersOf(builder.files()));
    const file = path.join(directory, "image.tar");
    const missing = parseReference(`oci-archive:${directory}/nothing`) as LayoutReference;
    expect(await failure(() => openArchive(missing))).toMatchObject({
      code: "image-not-found",
      message: `oci-archive:${directory}/nothing: no such file`,
    });
    expect(
      await failure(() => openArchive(parseReference(`oci-archive:${directory}`) as LayoutReference)),
    ).toMatchObject({
      code: "bad-format",
      message: `oci-archive:${directory}: a directory, not an archive`,
      hint: `for a layout in a directory say oci:${directory}`,
    });
    const device = parseReference("oci-archive:/dev/null") as LayoutReference;
    expect((await failure(() => openArchive(device))).message).toBe("oci-archive:/dev/null: not a regular file");
    const compressed: [string, Buffer][] = [
      ["gzip", gzipSync(bytes)],
      ["zstd", Buffer.from("28b52ffd000000", "hex")],
      ["xz", Buffer.from("fd377a585a0000", "hex")],
      ["bzip2", Buffer.from("BZh9")],
    ];
    for (const [name, content] of compressed) {
      const error = await failure(() => openBytes(content));
      expect(error).toMatchObject({
        code: "unsupported",
        message: `oci-archive:${file}: the archive is compressed with ${name}`,
      });
      expect(error.hint).toMatch(/^unpack it first: /);
    }
    expect((await failure(() => openBytes(Buffer.alloc(0)))).message).toBe(`oci-archive:${file}: an empty tar`);
    expect((await failure(() => openBytes(Buffer.alloc(10_240)))).message).toBe(`oci-archive:${file}: an empty tar`);
    expect((await failure(() => openBytes(Buffer.alloc(10_240, "junk")))).code).toBe("bad-format");
    const stranger = await tarOf([{ name: "etc/passwd", content: Buffer.from("root") }]);
    expect((await failure(() => openBytes(stranger))).message).toBe(
      `oci-archive:${file}: not an OCI image layout: there is no oci-layout`,
    );
  });
});

describe("hostile archives", () => {
  async function attempt(bytes: Buffer): Promise<number | Oci2cfsError> {
    try {
      const source = openBytes(bytes);
      const { layers } = await resolveImage(source, { platform });
      for (const { descriptor } of layers) readBlobFile(await source.openLayer(descriptor));
      return layers.length;
    } catch (error) {
      if (error instanceof Oci2cfsError) return error;
      throw error;
    }
  }

  it("cut at any byte give an error, until only the end blocks are missing", async () => {
    const builder = new LayoutBuilder();
    builder.tag(builder.image(["ab"]));
    const bytes = await tarOf(membersOf(builder.files()));
    const complete = bytes.length - 1024;
    const results = new Set<string>();
    for (let length = 0; length < bytes.length; length++) {
      const result = await attempt(bytes.subarray(0, length));
      // The last member's filling may be missing: its content is there.
      if (length >= complete && length % 512 === 0) expect(result).toBe(1);
      else if (length < complete - 512) expect(result).toBeInstanceOf(Oci2cfsError);
      results.add(result instanceof Oci2cfsError ? result.code : "read");
    }
    expect([...results].sort()).toEqual(["bad-format", "read"]);
  });

  it("with any byte changed are read or refused", async () => {
    const builder = new LayoutBuilder();
    builder.tag(builder.image(["ab"]));
    const bytes = await tarOf(membersOf(builder.files()));
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }), async (at, value) => {
        const changed = Buffer.from(bytes);
        changed[at] = value;
        const result = await attempt(changed);
        if (!(result instanceof Oci2cfsError)) expect(result).toBe(1);
      }),
      { numRuns: 1000 },
    );
  });

  it("with a member that claims more bytes than there are are refused", async () => {
    const bytes = await tarOf([{ name: "oci-layout", content: Buffer.from("{}") }]);
    bytes.write("77777777777\0", 124, "latin1");
    let sum = 0;
    bytes.write("        ", 148, "latin1");
    for (const byte of bytes.subarray(0, 512)) sum += byte;
    bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    expect((await failure(() => openBytes(bytes))).message).toMatch(
      /oci-layout at byte 0 ends behind the archive: it is cut short$/,
    );
  });
});
