// OCI image layout (image-spec image-layout.md) as a source: oci-layout, index.json, blobs/<algorithm>/<hex>. Which entry
// of index.json a reference means is decided as containers/image does (oci/layout getManifestDescriptor).

import { closeSync, openSync, readSync, statSync } from "node:fs";
import path from "node:path";
import { errnoOf, Oci2cfsError, withContext } from "../errors.ts";
import { type OciDigest, ociAlgorithm } from "../format/digest.ts";
import {
  type Descriptor,
  type Index,
  MAX_MANIFEST_SIZE,
  manifestKind,
  parseIndex,
  parseLayout,
  requireManifestKind,
  sniffMediaType,
} from "../format/oci.ts";
import { formatReference, type LayoutReference } from "../format/reference.ts";
import { log } from "../log.ts";
import type { BlobFile, ImageSource } from "./source.ts";
import { verifyBlob, verifySize } from "./verify.ts";

/** Where the files of a layout lie. */
export interface LayoutFiles {
  /** @param name path inside the layout, such as `index.json`. Undefined when there is none. */
  locate(name: string): BlobFile | undefined;
}

const REF_NAME = "org.opencontainers.image.ref.name";
const MAX_MARKER_SIZE = 64 * 1024;

/** @throws Oci2cfsError `image-not-found` when there is no layout, `bad-format` or `unsupported` when it is not one. */
export function openLayout(reference: LayoutReference): ImageSource {
  const files: LayoutFiles = {
    locate(name) {
      return statFile(path.join(reference.path, name));
    },
  };
  try {
    if (!isDirectory(reference.path)) throw new Oci2cfsError("image-not-found", "no such directory");
    return new LayoutSource(reference, files);
  } catch (error) {
    throw withContext(formatReference(reference), error);
  }
}

/** A layout wherever its files lie. Nothing is kept open. Its errors do not name the reference: resolve.ts puts that in front. */
export class LayoutSource implements ImageSource {
  readonly reference: string;
  readonly #wanted: LayoutReference;
  readonly #files: LayoutFiles;

  /** @throws Oci2cfsError as {@link openLayout} */
  constructor(reference: LayoutReference, files: LayoutFiles) {
    this.reference = formatReference(reference);
    this.#wanted = reference;
    this.#files = files;
    parseLayout(this.#readNamed("oci-layout", MAX_MARKER_SIZE), "oci-layout");
  }

  async root(): Promise<Descriptor> {
    const index = parseIndex(this.#readNamed("index.json", MAX_MANIFEST_SIZE), "index.json");
    const { tag, index: position, digest } = this.#wanted;
    if (digest !== undefined) return this.#byDigest(index, digest);
    if (position !== undefined) return this.#byPosition(index, position);
    return tag === undefined ? this.#onlyImage(index) : this.#byTag(index, tag);
  }

  async readBlob(descriptor: Descriptor, limit: number): Promise<Buffer> {
    if (descriptor.size > limit) {
      throw new Oci2cfsError(
        "bad-format",
        `blob ${descriptor.digest}: ${descriptor.size} bytes are more than ${limit}`,
      );
    }
    const bytes = readRange(this.#locateBlob(descriptor));
    verifyBlob(bytes, descriptor);
    return bytes;
  }

  async openLayer(descriptor: Descriptor): Promise<BlobFile> {
    return this.#locateBlob(descriptor);
  }

  async close(): Promise<void> {}

  #locateBlob(descriptor: Descriptor): BlobFile {
    const file = this.#files.locate(blobName(descriptor.digest));
    if (file === undefined) {
      throw new Oci2cfsError("bad-format", `blob ${descriptor.digest} is missing`);
    }
    verifySize(file.size, descriptor);
    return file;
  }

  #readNamed(name: string, limit: number): Buffer {
    const file = this.#files.locate(name);
    if (file === undefined) {
      throw new Oci2cfsError("bad-format", `not an OCI image layout: there is no ${name}`);
    }
    if (file.size > limit) {
      throw new Oci2cfsError("bad-format", `${name}: ${file.size} bytes are more than ${limit}`);
    }
    return readRange(file);
  }

  /** The first entry of that name, as skopeo takes it. */
  #byTag(index: Index, tag: string): Descriptor {
    const named = index.manifests.filter(({ annotations }) => annotations?.[REF_NAME] === tag);
    const usable = named.filter(({ mediaType }) => manifestKind(mediaType) !== undefined);
    const [first] = usable;
    if (first === undefined) {
      for (const { mediaType } of named) requireManifestKind(mediaType);
      throw this.#notFound(index, `no image has the tag ${tag}`);
    }
    const others = new Set(usable.map(({ digest }) => digest)).size - 1;
    if (others > 0) log("warn", `${this.reference}: ${others + 1} images have this tag; taking the first`);
    return first;
  }

  #byPosition(index: Index, position: number): Descriptor {
    const found = index.manifests[position];
    if (found !== undefined) return found;
    throw this.#notFound(index, `there is no image ${position} among ${index.manifests.length}`);
  }

  #onlyImage(index: Index): Descriptor {
    const [first] = index.manifests;
    if (first === undefined) throw this.#notFound(index, "the layout holds no image");
    if (index.manifests.every(({ digest }) => digest === first.digest)) return first;
    throw this.#notFound(index, `the layout holds ${index.manifests.length} images, choose one`);
  }

  /** An entry of index.json, or any other manifest or index that is among the blobs. */
  #byDigest(index: Index, digest: OciDigest): Descriptor {
    const listed = index.manifests.find((entry) => entry.digest === digest);
    if (listed !== undefined) return listed;
    const file = this.#files.locate(blobName(digest));
    if (file === undefined) throw this.#notFound(index, "no image has this digest");
    const what = `blob ${digest}`;
    if (file.size > MAX_MANIFEST_SIZE) throw new Oci2cfsError("bad-format", `${what}: too large for a manifest`);
    const bytes = readRange(file);
    verifyBlob(bytes, { digest, size: file.size });
    const mediaType = sniffMediaType(bytes, what);
    if (mediaType === undefined) throw new Oci2cfsError("bad-format", `${what}: neither a manifest nor an index`);
    return { mediaType, digest, size: file.size };
  }

  #notFound(index: Index, reason: string): Oci2cfsError {
    const names = index.manifests.map(({ annotations, digest }, position) => {
      const name = annotations?.[REF_NAME];
      if (name !== undefined && /^[\w./:@+-]{1,200}$/.test(name)) return `:${name}`;
      return name === undefined ? `@${digest}` : `:@${position}`;
    });
    const shown = names.length > 20 ? [...names.slice(0, 20), `${names.length - 20} more`] : names;
    return new Oci2cfsError("image-not-found", reason, {
      ...(shown.length === 0 ? {} : { hint: `the layout has ${shown.join(", ")}` }),
    });
  }
}

function blobName(digest: OciDigest): string {
  const algorithm = ociAlgorithm(digest);
  return `blobs/${algorithm}/${digest.slice(algorithm.length + 1)}`;
}

const absent: ReadonlySet<string | undefined> = new Set(["ENOENT", "ENOTDIR"]);

/** The whole of a regular file, wherever symlinks lead. Undefined when it is not there. */
function statFile(file: string): BlobFile | undefined {
  try {
    const stat = statSync(file);
    if (!stat.isFile()) throw new Oci2cfsError("bad-format", "not a regular file");
    return { path: file, offset: 0, size: stat.size };
  } catch (error) {
    if (absent.has(errnoOf(error))) return undefined;
    throw withContext(file, error);
  }
}

function isDirectory(file: string): boolean {
  try {
    return statSync(file).isDirectory();
  } catch (error) {
    if (absent.has(errnoOf(error))) return false;
    throw withContext(file, error);
  }
}

/** Fewer bytes than asked for when the file has become shorter. Callers bound the size. */
function readRange({ path: file, offset, size }: BlobFile): Buffer {
  const bytes = Buffer.allocUnsafeSlow(size);
  const fd = openSync(file, "r");
  try {
    let filled = 0;
    while (filled < size) {
      const count = readSync(fd, bytes, filled, size - filled, offset + filled);
      if (count === 0) return bytes.subarray(0, filled);
      filled += count;
    }
    return bytes;
  } finally {
    closeSync(fd);
  }
}
