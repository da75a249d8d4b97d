// A composefs repository on disk, the layout that cfsctl opens (docs/repo-format.md):
//
//   meta.json                          hash and formats; has fs-verity itself when all objects must have it
//   objects/ab/cdef…                   content, named by its fs-verity digest
//   images/<hex> → ../objects/…        composefs images
//   streams/<id> → ../objects/…        layer records, configs, manifests
//   streams/refs/oci/<tag> → ../../<id>
//   tmp/                               files being written, markers (ours; other tools pass over it)
//
// Order of publication: objects are renamed into place, one syncfs makes them durable, then come the links that name
// them, and last the tag; directories are synced behind it.

import { existsSync, mkdirSync, readlinkSync, rmSync } from "node:fs";
import path from "node:path";
import { errnoOf, Oci2cfsError, withContext } from "../errors.ts";
import { type HashAlgorithm, hashes, isVerityDigest, objectPath, type VerityDigest } from "../format/digest.ts";
import { verityDigest } from "../format/verity.ts";
import { readWholeFile, replaceSymlink, syncDirectory, uniqueName } from "../sys/files.ts";
import { linuxCalls } from "../sys/linux.ts";
import { syncFileSystem } from "../sys/sync.ts";
import type { ContentId } from "./content-id.ts";
import { cleanUp, type DirtyMarker, markDirty, needsRecovery } from "./dirty.ts";
import { createMeta, list, makeDirectory, makeLayout, readMeta } from "./layout.ts";
import { lockRepository, type RepositoryLock, tryLockRepository } from "./lock.ts";
import { ObjectStore, type ObjectStoreLocation, type VerityPolicy } from "./objects.ts";

export interface OpenOptions {
  readonly path: string;
  /** `create` makes the repository when it is not there. */
  readonly mode: "read" | "write" | "create";
  /** Of a new repository sha256 when not given; an existing one must have it. */
  readonly algorithm?: HashAlgorithm;
}

/** How long another process may keep everybody out, in milliseconds. */
const LOCK_WAIT_MS = 10_000;

/** Larger objects are never read whole: the largest are images and layer records. */
const MAX_READ_SIZE = 2 ** 31 - 1;

/**
 * @throws Oci2cfsError `not-found` without a repository there, `usage` for another algorithm than asked for, `unsupported`
 * for a later kind of repository, `busy` when it stays locked.
 */
export function openRepository(options: OpenOptions): Repository {
  if (options.mode === "create") makeDirectory(options.path);
  const lock =
    options.mode === "read" ? lockRepository(options.path, "shared", LOCK_WAIT_MS) : lockToWrite(options.path);
  try {
    if (options.mode === "create") createMeta(options.path, options.algorithm ?? "sha256");
    const { algorithm, verity, writable } = readMeta(options.path);
    if (options.algorithm !== undefined && options.algorithm !== algorithm) {
      throw new Oci2cfsError("usage", `repository ${options.path} uses ${algorithm}, not ${options.algorithm}`, {
        hint: "one repository holds one kind of digest: use another with --repo",
      });
    }
    if (options.mode !== "read") {
      if (!writable) {
        throw new Oci2cfsError(
          "unsupported",
          `repository ${options.path}: meta.json allows this program only to read it`,
        );
      }
      makeLayout(options.path);
      // Where there is no flock nobody is ever alone, and process ids must do.
      if (lock.alone || linuxCalls() === undefined) cleanUp(options.path, { algorithm, alone: lock.alone });
      lock.share();
    }
    return new Repository({ path: options.path, algorithm, verity, lock, writable: options.mode !== "read" });
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Alone when that can be had at once, since then what the dead have left can be told from what the living use. */
function lockToWrite(repository: string): RepositoryLock {
  const mustRecover = needsRecovery(path.join(repository, "tmp"));
  if (mustRecover) return lockRepository(repository, "exclusive", LOCK_WAIT_MS);
  return tryLockRepository(repository, "exclusive", 0) ?? lockRepository(repository, "shared", LOCK_WAIT_MS);
}

export class Repository {
  readonly path: string;
  readonly algorithm: HashAlgorithm;
  readonly verity: VerityPolicy;
  readonly #lock: RepositoryLock;
  readonly #writable: boolean;
  #objects: ObjectStore | undefined;
  #dirty: DirtyMarker | undefined;

  constructor(state: {
    path: string;
    algorithm: HashAlgorithm;
    verity: VerityPolicy;
    lock: RepositoryLock;
    writable: boolean;
  }) {
    this.path = state.path;
    this.algorithm = state.algorithm;
    this.verity = state.verity;
    this.#lock = state.lock;
    this.#writable = state.writable;
  }

  /** What a worker thread needs to write objects. Call `beginWriting` first. */
  get objectLocation(): ObjectStoreLocation {
    return { path: this.path, algorithm: this.algorithm, verity: this.verity };
  }

  /** From here on objects may be written, up to `sync`. */
  beginWriting(): void {
    this.#requireWritable();
    this.#dirty ??= markDirty(path.join(this.path, "tmp"));
  }

  #requireWritable(): void {
    if (!this.#writable) throw new Error("the repository is open for reading only");
  }

  /** Makes all objects durable. Nothing may name an object before. */
  async sync(): Promise<void> {
    await syncFileSystem(this.path);
    this.#dirty?.clear();
    this.#dirty = undefined;
  }

  /** About how many objects there are, from a sixteenth of the directories. */
  estimateObjects(): number {
    let sample = 0;
    for (let index = 0; index < 256; index += 16) {
      sample += list(path.join(this.path, "objects", index.toString(16).padStart(2, "0"))).length;
    }
    return sample * 16;
  }

  writeObject(content: Buffer): VerityDigest {
    this.beginWriting();
    this.#objects ??= new ObjectStore(this.objectLocation);
    const digest = verityDigest(content, this.algorithm);
    this.#objects.put(content, digest);
    return digest;
  }

  objectFile(digest: VerityDigest): string {
    return path.join(this.path, "objects", objectPath(digest));
  }

  /**
   * An object's content, measured again.
   * @throws Oci2cfsError `not-found`, `digest-mismatch` for a damaged one, `unsupported` above `limit` bytes.
   */
  readObject(digest: VerityDigest, limit: number = MAX_READ_SIZE): Buffer {
    const content = readObjectFile(this.objectFile(digest), { digest, limit });
    const actual = verityDigest(content, this.algorithm);
    if (actual !== digest) {
      throw new Oci2cfsError("digest-mismatch", `object ${digest} is damaged: its content measures ${actual}`, {
        hint: "remove it, images/ and streams/, and pull again: only what is missing is written",
      });
    }
    return content;
  }

  /** The object that a stream's name leads to. A link whose object is gone is as good as none. */
  findStream(id: ContentId): VerityDigest | undefined {
    return this.#followLink(path.join("streams", id));
  }

  hasImage(digest: VerityDigest): boolean {
    return this.#followLink(path.join("images", digest)) === digest;
  }

  #followLink(name: string): VerityDigest | undefined {
    const target = readLink(path.join(this.path, name));
    const digest = target?.split("/").slice(-2).join("") ?? "";
    if (!isVerityDigest(digest) || digest.length !== hashes[this.algorithm].hexLength) return undefined;
    return existsSync(this.objectFile(digest)) ? digest : undefined;
  }

  /** Names a stream; its object must be synced. */
  linkStream(id: ContentId, digest: VerityDigest): void {
    this.#link(path.join("streams", id), `../objects/${objectPath(digest)}`);
  }

  linkImage(digest: VerityDigest): void {
    this.#link(path.join("images", digest), `../objects/${objectPath(digest)}`);
  }

  /** Names of everything below a directory of links, such as `streams/refs/oci`. */
  listLinks(directory: "streams" | "images" | "streams/refs/oci"): string[] {
    return list(path.join(this.path, directory)).filter(
      (name) => readLink(path.join(this.path, directory, name)) !== undefined,
    );
  }

  setTag(name: string, id: ContentId): void {
    this.#requireWritable();
    mkdirSync(path.join(this.path, "streams/refs/oci"), { recursive: true, mode: 0o755 });
    this.#link(path.join("streams/refs/oci", name), `../../${id}`);
  }

  /** The stream that a tag leads to. */
  readTag(name: string): string | undefined {
    return readLink(path.join(this.path, "streams/refs/oci", name))?.replace(/^\.\.\/\.\.\//, "");
  }

  /** True when there was one. */
  removeTag(name: string): boolean {
    this.#requireWritable();
    if (this.readTag(name) === undefined) return false;
    rmSync(path.join(this.path, "streams/refs/oci", name));
    syncDirectory(path.join(this.path, "streams/refs/oci"));
    return true;
  }

  /** Makes links durable that were set since. */
  syncLinks(): void {
    for (const directory of ["images", "streams", "streams/refs", "streams/refs/oci"]) {
      try {
        syncDirectory(path.join(this.path, directory));
      } catch (error) {
        if (errnoOf(error) !== "ENOENT") throw withContext("repository: syncing links", error);
      }
    }
  }

  #link(name: string, target: string): void {
    this.#requireWritable();
    const link = path.join(this.path, name);
    if (readLink(link) === target) return;
    // A link's text is relative to where it ends up, so it may be made anywhere on the file system.
    replaceSymlink(target, { path: link, temporary: path.join(this.path, "tmp", uniqueName("link")) });
  }

  close(): void {
    this.#lock.release();
  }
}

function readObjectFile(file: string, { digest, limit }: { digest: VerityDigest; limit: number }): Buffer {
  let content: Buffer | undefined;
  try {
    content = readWholeFile(file, limit);
  } catch (error) {
    if (errnoOf(error) === "ENOENT")
      throw new Oci2cfsError("not-found", `object ${digest} is missing`, { cause: error });
    throw withContext(`object ${digest}`, error);
  }
  if (content === undefined) throw new Oci2cfsError("unsupported", `object ${digest} has more than ${limit} bytes`);
  return content;
}

function readLink(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch (error) {
    // EINVAL: not a link. ENAMETOOLONG: no such name can exist.
    if (["ENOENT", "EINVAL", "ENOTDIR", "ENAMETOOLONG"].includes(errnoOf(error) ?? "")) return undefined;
    throw withContext("repository: reading a link", error);
  }
}
