// What makes a directory a composefs repository: its subdirectories and meta.json. Older composefs-rs wrote no meta.json;
// such a repository is used as it is, since cfsctl itself knows best how to bring it up to date.

import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { errnoOf, Oci2cfsError, withContext } from "../errors.ts";
import { type HashAlgorithm, hashes } from "../format/digest.ts";
import { readAll, renameToNew, syncDirectory, uniqueName } from "../sys/files.ts";
import { linuxCalls } from "../sys/linux.ts";
import { encodeMeta, parseMeta } from "./meta.ts";
import type { VerityPolicy } from "./objects.ts";

const META = "meta.json";
const MAX_META_SIZE = 64 * 1024;

/** What meta.json says, and what it is. */
export interface MetaState {
  readonly algorithm: HashAlgorithm;
  readonly writable: boolean;
  /** `required` when meta.json itself has fs-verity. */
  readonly verity: VerityPolicy;
}

/** Parents get what the umask gives; the repository itself is its owner's alone, as cfsctl makes it. */
export function makeDirectory(repository: string): void {
  try {
    mkdirSync(path.dirname(repository), { recursive: true });
    mkdirSync(repository, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw withContext(`repository ${repository}: creating`, error);
  }
}

/** cfsctl makes most of them when it needs them. */
export function makeLayout(repository: string): void {
  try {
    for (const name of ["objects", "images", "streams", "tmp"]) {
      mkdirSync(path.join(repository, name), { recursive: true, mode: 0o755 });
    }
  } catch (error) {
    throw withContext(`repository ${repository}: creating`, error);
  }
}

/**
 * Writes meta.json unless it is there, or objects of a repository that never had one. With fs-verity on it when the file
 * system has that: it makes fs-verity the rule for everything in the repository.
 */
export function createMeta(repository: string, algorithm: HashAlgorithm): void {
  if (list(repository).includes(META) || inferAlgorithm(repository) !== undefined) return;
  makeLayout(repository);
  const temporary = path.join(repository, "tmp", uniqueName("meta"));
  try {
    writeFileSync(temporary, encodeMeta(algorithm), { mode: 0o644, flush: true });
    const fd = openSync(temporary, "r");
    try {
      linuxCalls()?.enableVerity(fd, hashes[algorithm].id);
    } finally {
      closeSync(fd);
    }
    renameToNew(temporary, path.join(repository, META));
    syncDirectory(repository);
  } catch (error) {
    throw withContext(`repository ${repository}: creating`, error);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** @throws Oci2cfsError `not-found`, `bad-format`, `unsupported` */
export function readMeta(repository: string): MetaState {
  let fd: number;
  try {
    fd = openSync(path.join(repository, META), "r");
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

/** Names in a directory; none when it is not there. */
export function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return [];
    throw withContext(`repository: listing ${directory}`, error);
  }
}
