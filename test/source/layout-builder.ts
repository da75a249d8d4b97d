// Builds OCI layouts for tests: documents and blobs in memory, then as a directory or as the members of a tar.

import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pack } from "tar-stream";
import type { OciDigest } from "../../src/format/digest.ts";

export interface BuiltDescriptor {
  mediaType: string;
  digest: OciDigest;
  size: number;
  [field: string]: unknown;
}

export const types = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  tar: "application/vnd.oci.image.layer.v1.tar",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
} as const;

export function digestOf(bytes: Buffer, algorithm = "sha256"): OciDigest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}` as OciDigest;
}

export class LayoutBuilder {
  readonly blobs: Map<string, Buffer> = new Map();
  readonly entries: BuiltDescriptor[] = [];

  blob(bytes: Buffer, mediaType: string, extra: Record<string, unknown> = {}): BuiltDescriptor {
    const digest = digestOf(bytes);
    this.blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length, ...extra };
  }

  json(document: unknown, mediaType: string, extra: Record<string, unknown> = {}): BuiltDescriptor {
    return this.blob(Buffer.from(JSON.stringify(document)), mediaType, extra);
  }

  /** An image with these layers, each of them some bytes that stand for a tar. */
  image(
    layers: readonly string[],
    platform: Record<string, string> = { os: "linux", architecture: "amd64" },
  ): BuiltDescriptor {
    const blobs = layers.map((text) => this.blob(Buffer.from(text), types.tar));
    const config = this.json(
      { ...platform, config: {}, rootfs: { type: "layers", diff_ids: blobs.map(({ digest }) => digest) } },
      types.config,
    );
    return this.json({ schemaVersion: 2, mediaType: types.manifest, config, layers: blobs }, types.manifest);
  }

  index(manifests: readonly unknown[], extra: Record<string, unknown> = {}): BuiltDescriptor {
    return this.json({ schemaVersion: 2, mediaType: types.index, manifests }, types.index, extra);
  }

  tag(descriptor: BuiltDescriptor, name?: string): this {
    const annotations = name === undefined ? {} : { annotations: { "org.opencontainers.image.ref.name": name } };
    this.entries.push({ ...descriptor, ...annotations });
    return this;
  }

  /** Path inside the layout to content. */
  files(): Map<string, Buffer> {
    const files = new Map<string, Buffer>([
      ["oci-layout", Buffer.from('{"imageLayoutVersion":"1.0.0"}')],
      ["index.json", Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: this.entries }))],
    ]);
    for (const [digest, bytes] of this.blobs) files.set(`blobs/${digest.replace(":", "/")}`, bytes);
    return files;
  }

  write(directory: string): string {
    for (const [name, bytes] of this.files()) {
      const file = path.join(directory, name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, bytes);
    }
    return directory;
  }
}

export interface TarMember {
  name: string;
  content?: Buffer;
  type?: "file" | "directory" | "link" | "symlink" | "fifo";
  linkname?: string;
}

export async function tarOf(members: Iterable<TarMember>): Promise<Buffer> {
  const stream = pack();
  for (const { name, content, type = "file", linkname } of members) {
    stream.entry({ name, type, ...(linkname === undefined ? {} : { linkname }) }, Buffer.from(content ?? ""));
  }
  stream.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export function membersOf(files: ReadonlyMap<string, Buffer>, prefix = ""): TarMember[] {
  return [...files].map(([name, content]) => ({ name: prefix + name, content }));
}
