// Objects are not synced one by one: they are renamed into place, one syncfs makes them durable, and only then does
// anything refer to them. After a power loss in between, names may lead to short or empty files, and a later pull would
// take those for objects that it need not write again. So whoever writes objects leaves a marker until its syncfs is done:
//
//   tmp/dirty-PID-THREAD-COUNT     { "boot": "<boot id>", "since": <ms> }, synced before the first object
//
// A marker of a dead process from this boot only means objects that are whole but not yet synced: the next writer takes its
// time over into its own marker, and syncs them with its own. One from an earlier boot means that every object changed since
// then is suspect: each is measured, and the bad ones are removed, before anything trusts them.

import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { errnoOf, withContext } from "../errors.ts";
import { type HashAlgorithm, hashes } from "../format/digest.ts";
import { VerityHasher } from "../format/verity.ts";
import { log } from "../log.ts";
import { isProcessAlive, processOf, syncDirectory, uniqueName } from "../sys/files.ts";

const PREFIX = "dirty";
/** Clocks of file systems run behind by a tick. */
const CLOCK_SLACK_MS = 2000;

interface Marker {
  readonly file: string;
  readonly boot: string;
  readonly since: number;
}

export interface DirtyMarker {
  /** To be called when everything written so far is synced. */
  clear(): void;
}

/** Leaves a marker, which also stands for those of dead processes. */
export function markDirty(temporary: string): DirtyMarker {
  const left = deadMarkers(temporary);
  const since = Math.min(Date.now(), ...left.map((marker) => marker.since));
  const file = path.join(temporary, uniqueName(PREFIX));
  const fd = openSync(file, "wx", 0o644);
  try {
    writeSync(fd, JSON.stringify({ boot: bootId(), since }));
    fsyncSync(fd);
  } catch (error) {
    throw withContext("repository: marking it as being written", error);
  } finally {
    closeSync(fd);
  }
  syncDirectory(temporary);
  for (const marker of left) rmSync(marker.file, { force: true });
  return { clear: () => rmSync(file, { force: true }) };
}

/** True when a machine went down while objects were being written. */
export function needsRecovery(temporary: string): boolean {
  const boot = bootId();
  return deadMarkers(temporary).some((marker) => marker.boot !== boot);
}

/** Measures what was written around the time of the crash; nobody else may have the repository open. */
export function recoverObjects(repository: string, temporary: string, algorithm: HashAlgorithm): void {
  const markers = deadMarkers(temporary);
  const since = Math.min(...markers.map((marker) => marker.since)) - CLOCK_SLACK_MS;
  const objects = path.join(repository, "objects");
  let removed = 0;
  let checked = 0;
  for (const directory of readdirSync(objects)) {
    if (!/^[0-9a-f]{2}$/.test(directory)) continue;
    for (const name of readdirSync(path.join(objects, directory))) {
      const file = path.join(objects, directory, name);
      if (directory.length + name.length !== hashes[algorithm].hexLength || statSync(file).mtimeMs < since) continue;
      checked++;
      if (measureFile(file, algorithm) === directory + name) continue;
      log("warn", `repository: object ${directory}${name} was damaged by a crash and is removed`);
      rmSync(file);
      removed++;
    }
  }
  log("info", `repository: ${checked} objects checked after a crash, ${removed} removed`);
  for (const marker of markers) rmSync(marker.file, { force: true });
}

function measureFile(file: string, algorithm: HashAlgorithm): string {
  const hasher = new VerityHasher(algorithm);
  const content = Buffer.allocUnsafe(1024 * 1024);
  const fd = openSync(file, "r");
  try {
    for (let count = readSync(fd, content); count > 0; count = readSync(fd, content)) hasher.update(content, 0, count);
  } finally {
    closeSync(fd);
  }
  return hasher.digest();
}

function deadMarkers(temporary: string): Marker[] {
  const markers: Marker[] = [];
  for (const name of readdirSync(temporary)) {
    const owner = processOf(name);
    if (!name.startsWith(`${PREFIX}-`) || (owner !== undefined && isProcessAlive(owner))) continue;
    const file = path.join(temporary, name);
    markers.push({ file, ...readMarker(file) });
  }
  return markers;
}

/** An unreadable marker is one that the crash cut short: then everything is suspect. */
function readMarker(file: string): { boot: string; since: number } {
  try {
    const { boot, since } = JSON.parse(readFileSync(file, "utf8")) as { boot: unknown; since: unknown };
    if (typeof boot === "string" && typeof since === "number") return { boot, since };
  } catch (error) {
    if (errnoOf(error) !== undefined) throw withContext("repository: reading a marker", error);
  }
  return { boot: "", since: 0 };
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    // Not Linux: each start counts as a new boot, which only costs a check.
    return `process-${process.pid}`;
  }
}
