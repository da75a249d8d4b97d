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

import { closeSync, mkdirSync, openSync, readdirSync, readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { errnoOf, Oci2cfsError, withContext } from "../errors.ts";
import { type HashAlgorithm, hashes, isVerityDigest, objectPath, type VerityDigest } from "../format/digest.ts";
import { verityDigest } from "../format/verity.ts";
import {
  isProcessAlive,
  processOf,
  readAll,
  readWholeFile,
  replaceSymlink,
  syncDirectory,
  uniqueName,
} from "../sys/files.ts";
import { linuxCalls } from "../sys/linux.ts";
import { syncFileSystem } from "../sys/sync.ts";
import type { ContentId } from "./content-id.ts";
import { type DirtyMarker, markDirty, needsRecovery, recoverObjects } from "./dirty.ts";
import { lockRepository, type RepositoryLock } from "./lock.ts";
import { encodeMeta, parseMeta } from "./meta.ts";
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

const MAX_META_SIZE = 64 * 1024;

/** Larger objects are never read whole: the largest are images and layer records. */
const MAX_READ_SIZE = 2 ** 31 - 1;

/**
 * @throws Oci2cfsError `not-found` without a repository there, `usage` for another algorithm than asked for, `unsupported`
 * for a later kind of repository, `busy` when it stays locked.
 */
export function openRepository(options: OpenOptions): Repository {
  if (options.mode === "create") createLayout(options.path, options.algorithm ?? "sha256");
  const meta = readMeta(options.path);
  if (options.algorithm !== undefined && options.algorithm !== meta.algorithm) {
    throw new Oci2cfsError("usage", `repository ${options.path} uses ${meta.algorithm}, not ${options.algorithm}`, {
      hint: "one repository holds one kind of digest: use another with --repo",
    });
  }
  const writable = options.mode !== "read";
  if (writable && !meta.writable) {
    throw new Oci2cfsError("unsupported", `repository ${options.path}: meta.json allows this program only to read it`);
  }
  if (writable) prepareWriting(options.path, meta.algorithm);
  const lock = lockRepository(options.path, "shared", LOCK_WAIT_MS);
  return new Repository({ path: options.path, algorithm: meta.algorithm, verity: meta.verity, lock, writable });
}

function createLayout(repository: string, algorithm: HashAlgorithm): void {
  try {
    // Parents get what the umask gives; the repository itself is its owner's alone, as cfsctl makes it.
    mkdirSync(path.dirname(repository), { recursive: true });
    try {
      mkdirSync(repository, { mode: 0o700 });
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    }
    for (const name of ["objects", "images", "streams", "tmp"]) {
      mkdirSync(path.join(repository, name), { recursive: true, mode: 0o755 });
    }
    if (!hasEntry(repository, "meta.json")) writeMeta(repository, inferAlgorithm(repository) ?? algorithm);
  } catch (error) {
    throw withContext(`repository ${repository}: creating`, error);
  }
}

function hasEntry(directory: string, name: string): boolean {
  return readdirSync(directory).includes(name);
}

/** With fs-verity on meta.json when the file system has it: that makes it the rule for everything in the repository. */
function writeMeta(repository: string, algorithm: HashAlgorithm): void {
  const temporary = path.join(repository, "tmp", uniqueName("meta"));
  writeFileSync(temporary, encodeMeta(algorithm), { mode: 0o644, flush: true });
  const fd = openSync(temporary, "r");
  try {
    linuxCalls()?.enableVerity(fd, hashes[algorithm].id);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path.join(repository, "meta.json"));
  syncDirectory(repository);
}

interface MetaState {
  readonly algorithm: HashAlgorithm;
  readonly writable: boolean;
  readonly verity: VerityPolicy;
}

function readMeta(repository: string): MetaState {
  let fd: number;
  try {
    fd = openSync(path.join(repository, "meta.json"), "r");
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw withContext(`repository ${repository}`, error);
    // Before composefs-rs 0.9 there was no meta.json: the names of objects tell the hash.
    const algorithm = inferAlgorithm(repository);
    if (algorithm !== undefined) return { algorithm, writable: true, verity: "wanted" };
    throw new Oci2cfsError("not-found", `${repository}: no composefs repository`, {
      hint: "`oci2cfs pull` makes one; --repo or OCI2CFS_REPO names another",
    });
  }
  try {
    const text = readAll(fd, MAX_META_SIZE).toString("utf8");
    const verity = linuxCalls()?.measureVerity(fd) === undefined ? "wanted" : "required";
    return { ...parseMeta(text), verity };
  } finally {
    closeSync(fd);
  }
}

function inferAlgorithm(repository: string): HashAlgorithm | undefined {
  for (const directory of list(path.join(repository, "objects"))) {
    for (const name of list(path.join(repository, "objects", directory))) {
      const length = directory.length + name.length;
      if (length === hashes.sha256.hexLength) return "sha256";
      if (length === hashes.sha512.hexLength) return "sha512";
    }
  }
  return undefined;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return [];
    throw withContext(`repository: listing ${directory}`, error);
  }
}

/** Cleans up after processes that died, and after a machine that went down. */
function prepareWriting(repository: string, algorithm: HashAlgorithm): void {
  const temporary = path.join(repository, "tmp");
  mkdirSync(temporary, { recursive: true });
  if (needsRecovery(temporary)) {
    const lock = lockRepository(repository, "exclusive", LOCK_WAIT_MS);
    try {
      recoverObjects(repository, temporary, algorithm);
    } finally {
      lock.release();
    }
  }
  for (const name of readdirSync(temporary)) {
    const owner = processOf(name);
    if (name.startsWith("dirty-") || owner === undefined || isProcessAlive(owner)) continue;
    rmSync(path.join(temporary, name), { force: true });
  }
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
    if (!this.#writable) throw new Error("the repository is open for reading only");
    this.#dirty ??= markDirty(path.join(this.path, "tmp"));
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
        hint: "pull the image again after removing the object",
      });
    }
    return content;
  }

  /** The object that a stream's name leads to. */
  findStream(id: ContentId): VerityDigest | undefined {
    return this.#followLink(path.join("streams", id));
  }

  hasImage(digest: VerityDigest): boolean {
    return this.#followLink(path.join("images", digest)) === digest;
  }

  #followLink(name: string): VerityDigest | undefined {
    const target = readLink(path.join(this.path, name));
    const digest = target?.split("/").slice(-2).join("") ?? "";
    return isVerityDigest(digest) && digest.length === hashes[this.algorithm].hexLength ? digest : undefined;
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
    mkdirSync(path.join(this.path, "streams/refs/oci"), { recursive: true, mode: 0o755 });
    this.#link(path.join("streams/refs/oci", name), `../../${id}`);
  }

  /** The stream that a tag leads to. */
  readTag(name: string): string | undefined {
    return readLink(path.join(this.path, "streams/refs/oci", name))?.replace(/^\.\.\/\.\.\//, "");
  }

  /** True when there was one. */
  removeTag(name: string): boolean {
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
