// The lock on a repository: flock(2) on its directory, as composefs-rs takes it. Everybody who has it open holds it shared;
// whoever removes objects holds it alone.

import { closeSync, openSync } from "node:fs";
import { Oci2cfsError } from "../errors.ts";
import { linuxCalls } from "../sys/linux.ts";

export interface RepositoryLock {
  release(): void;
}

const RETRY_MS = 50;

/**
 * Takes the lock, waiting at most `waitMs` milliseconds.
 * @throws Oci2cfsError `busy`
 */
export function lockRepository(directory: string, mode: "shared" | "exclusive", waitMs: number): RepositoryLock {
  const fd = openSync(directory, "r");
  let held = true;
  const release = (): void => {
    // A second close could hit a descriptor that somebody else has got by then.
    if (held) closeSync(fd);
    held = false;
  };
  const linux = linuxCalls();
  // Without flock there is no second tool that would respect it.
  if (linux === undefined) return { release };
  const deadline = Date.now() + waitMs;
  for (;;) {
    const errno = linux.flock(fd, mode);
    if (errno === undefined) return { release };
    if (errno !== "EWOULDBLOCK" && errno !== "EAGAIN") {
      release();
      throw new Oci2cfsError("io", `repository ${directory}: locking: ${errno}`);
    }
    if (Date.now() >= deadline) {
      release();
      throw new Oci2cfsError("busy", `repository ${directory}: held by another process`, {
        hint: "wait until the other oci2cfs or cfsctl has finished",
      });
    }
    sleep(RETRY_MS);
  }
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
