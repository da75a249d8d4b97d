// The lock on a repository: flock(2) on its directory, as composefs-rs takes it. Everybody who has it open holds it shared;
// whoever removes objects or files that look left over holds it alone. It also works between containers, where process ids
// tell nothing.

import { closeSync, openSync } from "node:fs";
import { errnoOf, Oci2cfsError, withContext } from "../errors.ts";
import { linuxCalls } from "../sys/linux.ts";
import { waitSync } from "../sys/wait.ts";

export interface RepositoryLock {
  /** Nobody else has the repository open. Always false where there is no flock. */
  readonly alone: boolean;
  /** Lets others in. @throws Oci2cfsError `busy` when another took it for himself in between. */
  share(): void;
  release(): void;
}

const RETRY_MS = 50;

/**
 * Takes the lock, waiting at most `waitMs` milliseconds.
 * @throws Oci2cfsError `busy`; `not-found` when there is no such directory.
 */
export function lockRepository(directory: string, mode: "shared" | "exclusive", waitMs: number): RepositoryLock {
  const lock = tryLockRepository(directory, mode, waitMs);
  if (lock === undefined) throw busy(directory);
  return lock;
}

/** Undefined when the lock cannot be had in time. @throws Oci2cfsError `not-found`, `io` */
export function tryLockRepository(
  directory: string,
  mode: "shared" | "exclusive",
  waitMs: number,
): RepositoryLock | undefined {
  let fd = openDirectory(directory);
  const release = (): void => {
    // A number given back twice may by then belong to somebody else's file.
    if (fd >= 0) closeSync(fd);
    fd = -1;
  };
  try {
    if (!acquire(fd, { directory, mode, waitMs })) {
      release();
      return undefined;
    }
  } catch (error) {
    release();
    throw error;
  }
  return {
    alone: mode === "exclusive" && linuxCalls() !== undefined,
    share: () => {
      if (!acquire(fd, { directory, mode: "shared", waitMs: Math.max(waitMs, RETRY_MS) })) throw busy(directory);
    },
    release,
  };
}

function openDirectory(directory: string): number {
  try {
    return openSync(directory, "r");
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw withContext(`repository ${directory}`, error);
    throw new Oci2cfsError("not-found", `${directory}: no composefs repository`, {
      hint: "`oci2cfs pull` makes one; --repo or OCI2CFS_REPO names another",
    });
  }
}

function acquire(
  fd: number,
  { directory, mode, waitMs }: { directory: string; mode: "shared" | "exclusive"; waitMs: number },
): boolean {
  const linux = linuxCalls();
  // Without flock there is no second tool that would respect it.
  if (linux === undefined) return true;
  const deadline = Date.now() + waitMs;
  for (;;) {
    const errno = linux.flock(fd, mode);
    if (errno === undefined) return true;
    if (errno !== "EWOULDBLOCK" && errno !== "EAGAIN" && errno !== "EINTR") {
      throw new Oci2cfsError("io", `repository ${directory}: locking: ${errno}`);
    }
    if (Date.now() >= deadline) return false;
    waitSync(RETRY_MS);
  }
}

function busy(directory: string): Oci2cfsError {
  return new Oci2cfsError("busy", `repository ${directory}: held by another process`, {
    hint: "wait until the other oci2cfs or cfsctl has finished",
  });
}
