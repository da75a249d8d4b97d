// The objects of a repository: `objects/ab/cdef…`, content named by its own fs-verity digest. Usable in any thread from
// plain data. An object is written beside and renamed, so a name always leads to whole content; that it also survives a
// power loss is the business of dirty.ts and of the one syncfs before anything refers to it.

import {
  closeSync,
  existsSync,
  fchmodSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import path from "node:path";
import { errnoOf, Oci2cfsError, withContext } from "../errors.ts";
import { type HashAlgorithm, hashes, isVerityDigest, objectPath, type VerityDigest } from "../format/digest.ts";
import { uniqueName, writeAllAt } from "../sys/files.ts";
import { linuxCalls } from "../sys/linux.ts";

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

/** Errors that say the file system has no fs-verity, or not for this file. */
const NO_VERITY: readonly string[] = ["ENOTTY", "EOPNOTSUPP", "ENOSYS", "ENOTSUP"];

export class ObjectStore {
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
    } catch (error) {
      file.discard();
      throw error;
    }
  }

  create(): ObjectFile {
    const temporary = path.join(this.#temporary, uniqueName("object"));
    let fd = this.#attempt("creating a file", () => openSync(temporary, "wx", OBJECT_MODE));
    let position = 0;
    let endsInHole = false;
    const close = (): void => {
      if (fd < 0) return;
      const open = fd;
      fd = -1;
      closeSync(open);
    };
    return {
      write: (buffer, start, end) => {
        this.#attempt("writing", () => writeAllAt(fd, { buffer, start, end, position }));
        position += end - start;
        endsInHole = false;
      },
      skip: (count) => {
        position += count;
        endsInHole = true;
      },
      commit: (digest) => {
        if (this.has(digest)) {
          close();
          rmSync(temporary, { force: true });
          return false;
        }
        this.#attempt("writing", () => {
          if (endsInHole) ftruncateSync(fd, position);
          if (this.#mustSetMode) fchmodSync(fd, OBJECT_MODE);
          close();
        });
        this.#enableVerity(temporary, digest);
        this.#attempt("naming", () => this.#rename(temporary, digest));
        this.#known?.add(digest);
        return true;
      },
      discard: () => {
        close();
        rmSync(temporary, { force: true });
      },
    };
  }

  #rename(temporary: string, digest: VerityDigest): void {
    const target = path.join(this.#objects, objectPath(digest));
    try {
      renameSync(temporary, target);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
      mkdirSync(path.dirname(target), { recursive: true, mode: 0o755 });
      renameSync(temporary, target);
    }
  }

  #enableVerity(file: string, digest: VerityDigest): void {
    if (!this.#verityWorks) return;
    const linux = linuxCalls();
    const fd = openSync(file, "r");
    try {
      const errno = linux === undefined ? "ENOSYS" : linux.enableVerity(fd, hashes[this.#algorithm].id);
      if (errno === undefined || errno === "EEXIST") return;
      if (this.#verity === "wanted" && NO_VERITY.includes(errno)) {
        // The file system cannot: not asked again, a call costs as much as a write.
        this.#verityWorks = false;
        return;
      }
      throw new Oci2cfsError("no-verity", `object ${digest}: fs-verity cannot be switched on: ${errno}`, {
        hint: "this repository demands fs-verity (meta.json has it); its file system must support it",
      });
    } finally {
      closeSync(fd);
    }
  }

  #attempt<T>(what: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw withContext(`object store: ${what}`, error);
    }
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
