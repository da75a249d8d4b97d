// An OS-sized image on disk, made by seed: four layers as an OCI layout with the tags `gzip`, `zstd`, `plain`, and `changed`,
// the gzip image with one small layer more. Layers are written as they are made; nothing is whole in memory.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { directory, file, hardlink, symlink, whiteout } from "../oci-fixtures/tar-builder.ts";
import { type Content, ContentMaker, fileSizes } from "./content.ts";
import { Random } from "./random.ts";

export interface BenchImage {
  readonly layout: string;
  readonly entries: number;
  readonly tarBytes: number;
  readonly gzipBytes: number;
  readonly zstdBytes: number;
}

const SEED = 3291;
const LAYER_SHARES = [0.16, 0.3, 0.24, 0.3];
const DUPLICATES = 0.21;
const FILES_PER_DIRECTORY = 9;
const SYMLINKS = 0.12;
const BUILT = 1_760_000_000;

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** @param layout the directory to make; it must not be there. */
export async function makeImage(layout: string, scale: number): Promise<BenchImage> {
  const blobs = path.join(layout, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const maker = new LayerMaker(scale);
  const layers = [];
  for (const share of [...LAYER_SHARES, 0.002])
    layers.push(await compressLayer(blobs, maker.write(path.join(blobs, "layer"), share)));
  const [changed, ...base] = layers.toReversed() as [CompressedLayer, ...CompressedLayer[]];
  const four = base.toReversed();
  const manifests = [
    image(blobs, "gzip", four, (layer) => layer.gzip),
    image(blobs, "zstd", four, (layer) => layer.zstd),
    image(blobs, "plain", four, (layer) => layer.plain),
    image(blobs, "changed", [...four, changed], (layer) => layer.gzip),
  ];
  writeFileSync(path.join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(path.join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  const sum = (select: (layer: CompressedLayer) => Descriptor): number =>
    four.reduce((total, layer) => total + select(layer).size, 0);
  return {
    layout,
    entries: maker.entries,
    tarBytes: sum((layer) => layer.plain),
    gzipBytes: sum((layer) => layer.gzip),
    zstdBytes: sum((layer) => layer.zstd),
  };
}

class LayerMaker {
  readonly #random = new Random(SEED);
  readonly #contents = new ContentMaker(SEED + 1);
  readonly #sizes: number[];
  readonly #all: number;
  readonly #made: Content[] = [];
  readonly #files: string[] = [];
  entries = 0;

  constructor(scale: number) {
    this.#sizes = fileSizes(scale, this.#random);
    this.#all = this.#sizes.length;
  }

  /** Writes the next layer, with this share of all files. */
  write(target: string, share: number): string {
    const fd = openSync(target, "w");
    const put = (entry: Buffer): void => {
      for (let done = 0; done < entry.length; ) done += writeSync(fd, entry, done);
      this.entries++;
    };
    const layer = this.#files.length;
    for (const name of ["usr", "usr/lib", "usr/share", "etc"]) put(directory(name, this.#stat()));
    // A few files of lower layers go.
    for (let index = 0; index < Math.min(20, layer / 100); index++) {
      put(whiteout(this.#files[this.#random.below(layer)] as string));
    }
    let current = "";
    let count = Math.ceil(this.#all * share);
    for (let index = 0; count > 0; index++, count--) {
      if (index % FILES_PER_DIRECTORY === 0) {
        current = `usr/${this.#random.chance(0.5) ? "lib" : "share"}/package-${layer}-${index}`;
        put(directory(current, this.#stat()));
      }
      const name = `${current}/file-${index}`;
      put(file(name, this.#contents.bytes(this.#content()), this.#stat()));
      this.#files.push(name);
      if (this.#random.chance(SYMLINKS)) put(symlink(`${current}/link-${index}`, `file-${index}`, this.#stat()));
      if (index % 7000 === 6999) put(hardlink(`${current}/hard-${index}`, name, this.#stat()));
    }
    closeSync(fd);
    return target;
  }

  #content(): Content {
    if (this.#made.length > 100 && this.#random.chance(DUPLICATES)) {
      this.#sizes.pop();
      return this.#made[this.#random.below(this.#made.length)] as Content;
    }
    const content = this.#contents.fresh(this.#sizes.pop() ?? 1000);
    this.#made.push(content);
    return content;
  }

  /** Times with fractions, so that nearly every entry has a pax header, as in layers of real builds. */
  #stat(): { mtime: number; pax: Record<string, string> } {
    const mtime = BUILT + this.#random.below(10_000_000);
    return { mtime, pax: { mtime: `${mtime}.${String(this.#random.below(1e9)).padStart(9, "0")}` } };
  }
}

interface CompressedLayer {
  readonly diffId: string;
  readonly plain: Descriptor;
  readonly gzip: Descriptor;
  readonly zstd: Descriptor;
}

const MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar";

async function compressLayer(blobs: string, tar: string): Promise<CompressedLayer> {
  const compress = (command: string): void => {
    execFileSync("sh", ["-c", command, "sh", tar], { stdio: ["ignore", "inherit", "inherit"] });
  };
  // pigz is what umoci's and podman's parallel gzip come closest to; plain gzip makes the same job longer.
  compress('if command -v pigz >/dev/null; then pigz -6 -n -c "$1"; else gzip -6 -n -c "$1"; fi > "$1.gz"');
  compress('zstd -q -3 -c "$1" > "$1.zst"');
  const plain = await addBlob(blobs, tar, MEDIA_TYPE);
  return {
    diffId: plain.digest,
    plain,
    gzip: await addBlob(blobs, `${tar}.gz`, `${MEDIA_TYPE}+gzip`),
    zstd: await addBlob(blobs, `${tar}.zst`, `${MEDIA_TYPE}+zstd`),
  };
}

async function addBlob(blobs: string, blob: string, mediaType: string): Promise<Descriptor> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(blob)) hash.update(chunk as Buffer);
  const hex = hash.digest("hex");
  const { size } = statSync(blob);
  renameSync(blob, path.join(blobs, hex));
  return { mediaType, digest: `sha256:${hex}`, size };
}

function image(
  blobs: string,
  tag: string,
  layers: readonly CompressedLayer[],
  select: (layer: CompressedLayer) => Descriptor,
): Descriptor & { annotations: Record<string, string> } {
  const put = (document: unknown, mediaType: string): Descriptor => {
    const bytes = Buffer.from(JSON.stringify(document));
    const hex = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(path.join(blobs, hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const rootfs = { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) };
  const config = put(
    { architecture: "amd64", os: "linux", config: {}, rootfs, history: [{ comment: tag }] },
    "application/vnd.oci.image.config.v1+json",
  );
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = put({ schemaVersion: 2, mediaType, config, layers: layers.map(select) }, mediaType);
  return { ...manifest, annotations: { "org.opencontainers.image.ref.name": tag } };
}
