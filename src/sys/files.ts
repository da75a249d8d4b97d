// Small steps on files that must not be seen half done: write beside, then rename.

import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { linuxCalls } from "./linux.ts";

/** Of this thread. Process ids are no help between containers: there everybody is process 1. */
const token = randomBytes(8).toString("hex");
let counter = 0;

/** A name that no other thread or process uses, on any machine: `PREFIX-PID-RANDOM-COUNT`. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${process.pid}-${token}-${++counter}`;
}

/** The process id in a name that `uniqueName` made; undefined for any other name. */
export function processOf(name: string): number | undefined {
  const match = /-(\d{1,10})-[0-9a-f]{16}-\d+$/.exec(name);
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

/**
 * Gives a file its name unless that is taken, and tells whether it did. Replacing a file by the same content would do
 * no harm but for a power loss: the old content may be synced while the new one is not.
 */
export function renameToNew(from: string, to: string): boolean {
  const linux = linuxCalls();
  const errno = linux === undefined ? "ENOSYS" : linux.renameNoReplace(from, to);
  if (errno === undefined) return true;
  if (errno === "EEXIST") return false;
  // Not every file system and libc has it. Other errors come again from here, with their details.
  if (existsSync(to)) return false;
  renameSync(from, to);
  return true;
}

/** Sets a symbolic link at once, whether or not there was one. `temporary` lies on the same file system. */
export function replaceSymlink(target: string, link: { path: string; temporary: string }): void {
  symlinkSync(target, link.temporary);
  try {
    renameSync(link.temporary, link.path);
  } catch (error) {
    rmSync(link.temporary, { force: true });
    throw error;
  }
}
