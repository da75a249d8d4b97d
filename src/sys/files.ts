// Small steps on files that must not be seen half done: write beside, then rename.

import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { threadId } from "node:worker_threads";

let counter = 0;

/** A name that no other thread or process uses: `PREFIX-PID-THREAD-COUNT`. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${process.pid}-${threadId}-${++counter}`;
}

/** The process id in a name that `uniqueName` made. */
export function processOf(name: string): number | undefined {
  const match = /-(\d+)-\d+-\d+$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is alive as well.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Writes `buffer` from `start` to `end` at a place in the file, however little the kernel takes at a time. */
export function writeAllAt(
  fd: number,
  { buffer, start, end, position }: { buffer: Buffer; start: number; end: number; position: number },
): void {
  for (let done = 0; start + done < end; ) {
    done += writeSync(fd, buffer, start + done, end - start - done, position + done);
  }
}

/** Reads from the beginning to the end of the file, or `limit` bytes of it. */
export function readAll(fd: number, limit: number): Buffer {
  const buffer = Buffer.allocUnsafe(Math.min(limit, fstatSync(fd).size));
  let filled = 0;
  while (filled < buffer.length) {
    const count = readSync(fd, buffer, filled, buffer.length - filled, filled);
    if (count === 0) break;
    filled += count;
  }
  return buffer.subarray(0, filled);
}

/** Undefined when the file has more than `limit` bytes. */
export function readWholeFile(file: string, limit: number): Buffer | undefined {
  const fd = openSync(file, "r");
  try {
    return fstatSync(fd).size > limit ? undefined : readAll(fd, limit);
  } finally {
    closeSync(fd);
  }
}

/** Makes names in a directory survive a power loss. */
export function syncDirectory(directory: string): void {
  const fd = openSync(directory, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Sets a symbolic link at once, whether or not there was one. `temporary` lies in the same directory. */
export function replaceSymlink(target: string, link: { path: string; temporary: string }): void {
  symlinkSync(target, link.temporary);
  try {
    renameSync(link.temporary, link.path);
  } catch (error) {
    rmSync(link.temporary, { force: true });
    throw error;
  }
}
