// The objects of a repository: `objects/ab/cdef…`, content named by its own fs-verity digest. Usable in any thread from
// plain data. An object is written beside and renamed, so a name always leads to whole content; that it also survives a
// power loss is the business of dirty.ts and of the one syncfs before anything refers to it.

import { closeSync, existsSync, fchmodSync, ftruncateSync, mkdirSync, openSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { errnoOf, Oci2cfsError, withContext } from "../errors.ts";
import { type HashAlgorithm, hashes, isVerityDigest, objectPath, type VerityDigest } from "../format/digest.ts";
import { renameToNew, uniqueName, writeAllAt } from "../sys/files.ts";
import { linuxCalls } from "../sys/linux.ts";
import { waitSync } from "../sys/wait.ts";

/** `required`: every object must get fs-verity. `wanted`: it gets it where the file system can. */
export type VerityPolicy = "required" | "wanted";

/** All that a thread needs to write objects. */
export interface ObjectStoreLocation {
  /** The repository's directory. */
  readonly path: string;
  readonly algorithm: HashAlgorithm;
  readonly verity: VerityPolicy;
}

/** Digests of objects that are in their place. */
export interface DigestSet {
  has(digest: VerityDigest): boolean;
  add(digest: VerityDigest): void;
}

export interface ObjectStoreOptions extends ObjectStoreLocation {
  /** Without it each object is looked up in the file system. */
  readonly known?: DigestSet;
}

/** An object whose digest is not known until its last byte. */
export interface ObjectFile {
  write(buffer: Buffer, start: number, end: number): void;
  skip(count: number): void;
  /** True when it is new to the store. */
  commit(digest: VerityDigest): boolean;
  discard(): void;
}

const OBJECT_MODE = 0o644;

/**
 * Errors that say the file system has no fs-verity, the kernel not this hash (ENOPKG) or, on pages or file-system blocks
 * of another size, not these blocks (EINVAL).
 */
const NO_VERITY: readonly string[] = ["ENOTTY", "EOPNOTSUPP", "ENOSYS", "ENOTSUP", "ENOPKG", "EINVAL"];

/** A program that is being started holds our open files until it runs: fs-verity waits for that. */
const BUSY_FILE_RETRIES = 100;
const BUSY_FILE_WAIT_MS = 5;

export class ObjectStore {
  readonly #path: string;
  readonly #objects: string;
  readonly #temporary: string;
  readonly #algorithm: HashAlgorithm;
  readonly #verity: VerityPolicy;
  readonly #known: DigestSet | undefined;
  /** Directories whose names the known set holds already, by their number. */
  readonly #listed = new Set<string>();
  readonly #mustSetMode: boolean = (process.umask() & OBJECT_MODE) !== 0;
  #verityWorks = true;

  constructor(options: ObjectStoreOptions) {
    this.#path = options.path;
    this.#objects = path.join(options.path, "objects");
    this.#temporary = path.join(options.path, "tmp");
    this.#algorithm = options.algorithm;
    this.#verity = options.verity;
    this.#known = options.known;
  }

  has(digest: VerityDigest): boolean {
    if (this.#known === undefined) return existsSync(path.join(this.#objects, objectPath(digest)));
    if (this.#known.has(digest)) return true;
    return this.#list(digest.slice(0, 2)) && this.#known.has(digest);
  }

  /** Adds a directory's objects to the known set, once; false when that was done before. */
  #list(directory: string): boolean {
    if (this.#listed.has(directory)) return false;
    this.#listed.add(directory);
    for (const name of readNames(path.join(this.#objects, directory))) {
      const digest = directory + name;
      if (digest.length === hashes[this.#algorithm].hexLength && isVerityDigest(digest)) this.#known?.add(digest);
    }
    return true;
  }

  /**
   * Stores content whose digest the caller has computed. True when it is new to the store.
   * @throws Oci2cfsError `io`, `no-verity`
   */
  put(content: Buffer, digest: VerityDigest): boolean {
    if (this.has(digest)) return false;
    const file = this.create();
    try {
      file.write(content, 0, content.length);
      return file.commit(digest);
    } finally {
      file.discard();
    }
  }

  create(): ObjectFile {
    const file = `${this.#temporary}/${uniqueName("object")}`;
    const fd = this.attempt("creating a file", () => openSync(file, "wx", OBJECT_MODE));
    return new TemporaryObject(this, { file, fd });
  }

  /**
   * Gives a file that was written whole its name. False when the object was there already; then the file stays as it is.
   * @param fd its open descriptor, closed on the way.
   */
  place(written: { file: string; close(): void; fd: number }, digest: VerityDigest): boolean {
    if (this.has(digest)) return false;
    this.attempt("writing", () => {
      if (this.#mustSetMode) fchmodSync(written.fd, OBJECT_MODE);
      written.close();
    });
    this.#enableVerity(written.file, digest);
    const isNew = this.attempt("naming", () => this.#rename(written.file, digest));
    this.#known?.add(digest);
    return isNew;
  }

  /** False when another writer was faster. */
  #rename(temporary: string, digest: VerityDigest): boolean {
    const target = `${this.#objects}/${objectPath(digest)}`;
    try {
      return renameToNew(temporary, target);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
      mkdirSync(path.dirname(target), { recursive: true, mode: 0o755 });
      return renameToNew(temporary, target);
    }
  }

  #enableVerity(file: string, digest: VerityDigest): void {
    if (!this.#verityWorks) return;
    const fd = this.attempt("reading back", () => openSync(file, "r"));
    let errno: string | undefined;
    try {
      errno = enableVerity(fd, hashes[this.#algorithm].id);
    } finally {
      closeSync(fd);
    }
    if (errno === undefined || errno === "EEXIST") return;
    const unsupported = NO_VERITY.includes(errno);
    if (this.#verity === "wanted" && unsupported) {
      // The file system cannot: not asked again, a call costs as much as a write.
      this.#verityWorks = false;
      return;
    }
    const message = `object ${digest}: fs-verity cannot be switched on: ${errno}`;
    if (!unsupported) throw new Oci2cfsError("io", message);
    throw new Oci2cfsError("no-verity", message, {
      hint: "this repository demands fs-verity (meta.json has it); its file system must support it",
    });
  }

  /** Says what failed, and in which repository. */
  attempt<T>(what: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw withContext(`repository ${this.#path}: an object: ${what}`, error);
    }
  }
}

/** A class and not closures: they would be made, and compiled, anew for each of 60,000 files. */
class TemporaryObject implements ObjectFile {
  readonly #store: ObjectStore;
  readonly file: string;
  fd: number;
  #isPlaced = false;
  #position = 0;
  #endsInHole = false;

  constructor(store: ObjectStore, opened: { file: string; fd: number }) {
    this.#store = store;
    this.file = opened.file;
    this.fd = opened.fd;
  }

  write(buffer: Buffer, start: number, end: number): void {
    const { fd } = this;
    const position = this.#position;
    this.#store.attempt("writing", () => writeAllAt(fd, { buffer, start, end, position }));
    this.#position += end - start;
    this.#endsInHole = false;
  }

  skip(count: number): void {
    this.#position += count;
    this.#endsInHole = true;
  }

  close(): void {
    if (this.fd < 0) return;
    const { fd } = this;
    this.fd = -1;
    closeSync(fd);
  }

  commit(digest: VerityDigest): boolean {
    try {
      if (this.#endsInHole) this.#store.attempt("writing", () => ftruncateSync(this.fd, this.#position));
      this.#isPlaced = this.#store.place(this, digest);
      return this.#isPlaced;
    } finally {
      this.discard();
    }
  }

  discard(): void {
    this.close();
    if (!this.#isPlaced) rmSync(this.file, { force: true });
    this.#isPlaced = true;
  }
}

function enableVerity(fd: number, algorithmId: number): string | undefined {
  const linux = linuxCalls();
  if (linux === undefined) return "ENOSYS";
  for (let attempt = 0; ; attempt++) {
    const errno = linux.enableVerity(fd, algorithmId);
    if (errno !== "ETXTBSY" || attempt === BUSY_FILE_RETRIES) return errno;
    waitSync(BUSY_FILE_WAIT_MS);
  }
}

function readNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw withContext("object store: listing", error);
  }
}
