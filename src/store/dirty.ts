// Objects are not synced one by one: they are renamed into place, one syncfs makes them durable, and only then does
// anything refer to them. After a power loss in between, names may lead to short or empty files, and a later pull would
// take those for objects that it need not write again. So whoever writes objects leaves a marker until its syncfs is done:
//
//   tmp/dirty-PID-RANDOM-COUNT     { "boot": "<boot id>", "since": <ms> }, synced before the first object
//
// Several may write at a time, each with a marker; all hold the repository's lock shared. Whoever opens it for writing and
// gets the lock alone for a moment knows that every marker and temporary file was left by the dead. A marker of this boot
// then stands for objects that are whole but not synced: a syncfs settles it. One of an earlier boot makes every object
// changed since then suspect: each is measured, and the bad ones are removed, before anything trusts them. An object that a
// published image needs is never among the bad ones: it was synced before, and nobody replaces an object that is there.

import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { errnoOf, withContext } from "../errors.ts";
import { type HashAlgorithm, hashes } from "../format/digest.ts";
import { VerityHasher } from "../format/verity.ts";
import { log } from "../log.ts";
import { isProcessAlive, processOf, syncDirectory, uniqueName } from "../sys/files.ts";
import { syncFileSystemNow } from "../sys/sync.ts";

const PREFIX = "dirty";
/** Clocks of file systems run behind by a tick. */
const CLOCK_SLACK_MS = 2000;

interface Marker {
  readonly owner: number;
  readonly boot: string;
  readonly since: number;
}

export interface DirtyMarker {
  /** To be called when everything written so far is synced. */
  clear(): void;
}

export function markDirty(temporary: string): DirtyMarker {
  const file = path.join(temporary, uniqueName(PREFIX));
  // Others must not meet half a marker: they would take it for what a crash cut short.
  const unfinished = path.join(temporary, uniqueName("marker"));
  try {
    writeFileSync(unfinished, JSON.stringify({ boot: bootId() ?? "", since: Date.now() }), { flush: true });
    renameSync(unfinished, file);
    syncDirectory(temporary);
  } catch (error) {
    rmSync(unfinished, { force: true });
    rmSync(file, { force: true });
    throw withContext("repository: marking it as being written", error);
  }
  return { clear: () => rmSync(file, { force: true }) };
}

/** True when a machine went down while objects were being written: then `cleanUp` must come before any trust. */
export function needsRecovery(temporary: string): boolean {
  return readMarkers(temporary, namesIn(temporary)).some(isOfEarlierBoot);
}

/**
 * Settles what processes and machines that died have left.
 * @param left.alone whether the caller holds the lock alone; else only what names a dead process is touched.
 */
export function cleanUp(repository: string, left: { algorithm: HashAlgorithm; alone: boolean }): void {
  const temporary = path.join(repository, "tmp");
  const names = namesIn(temporary).filter((name) => {
    const owner = processOf(name);
    return owner !== undefined && (left.alone || !isProcessAlive(owner));
  });
  const markers = readMarkers(temporary, names);
  const lost = markers.filter(isOfEarlierBoot);
  if (lost.length > 0) {
    recoverObjects(repository, { algorithm: left.algorithm, since: Math.min(...lost.map(({ since }) => since)) });
  }
  if (markers.length > 0) syncFileSystemNow(repository);
  for (const name of names) rmSync(path.join(temporary, name), { force: true });
}

/** Measures what was written around the time of the crash. */
function recoverObjects(repository: string, { algorithm, since }: { algorithm: HashAlgorithm; since: number }): void {
  let removed = 0;
  let checked = 0;
  for (const { file, digest, stats } of objectsIn(path.join(repository, "objects"), algorithm)) {
    if (stats.mtimeMs < since - CLOCK_SLACK_MS) continue;
    checked++;
    if (measureFile(file, algorithm) === digest) continue;
    // One line each would be one for every object of an image.
    log("debug", `repository: object ${digest} was damaged by a crash and is removed`);
    rmSync(file);
    removed++;
  }
  log("warn", `repository: ${checked} objects checked after a crash, ${removed} damaged ones removed`);
}

function* objectsIn(
  objects: string,
  algorithm: HashAlgorithm,
): Generator<{ file: string; digest: string; stats: Stats }> {
  for (const directory of namesIn(objects)) {
    if (!/^[0-9a-f]{2}$/.test(directory)) continue;
    for (const name of namesIn(path.join(objects, directory))) {
      if (directory.length + name.length !== hashes[algorithm].hexLength) continue;
      const file = path.join(objects, directory, name);
      const stats = lstatSync(file);
      if (stats.isFile()) yield { file, digest: directory + name, stats };
    }
  }
}

/** Undefined for a file that cannot be read: fs-verity answers EIO for blocks that are not what they were. */
function measureFile(file: string, algorithm: HashAlgorithm): string | undefined {
  const hasher = new VerityHasher(algorithm);
  const content = Buffer.allocUnsafe(1024 * 1024);
  const fd = openSync(file, "r");
  try {
    for (let count = readSync(fd, content); count > 0; count = readSync(fd, content)) hasher.update(content, 0, count);
  } catch (error) {
    if (errnoOf(error) === "EIO") return undefined;
    throw withContext(`repository: measuring ${file}`, error);
  } finally {
    closeSync(fd);
  }
  return hasher.digest();
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw withContext("repository: looking for what a crash left", error);
  }
}

function readMarkers(temporary: string, names: readonly string[]): Marker[] {
  const markers: Marker[] = [];
  for (const name of names) {
    const owner = processOf(name);
    if (owner === undefined || !name.startsWith(`${PREFIX}-`)) continue;
    const content = readMarker(path.join(temporary, name));
    if (content !== undefined) markers.push({ owner, ...content });
  }
  return markers;
}

/** Undefined when its owner has cleared it by now. One that makes no sense was cut short by the crash: all is suspect. */
function readMarker(file: string): { boot: string; since: number } | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw withContext("repository: reading a marker", error);
  }
  const match = /^\{"boot":"([^"]*)","since":(\d{1,15})\}$/.exec(text);
  return { boot: match?.[1] ?? "", since: Number(match?.[2] ?? 0) };
}

/** Where no boot has an id, every start of a process counts as one, which only costs a check. */
function isOfEarlierBoot(marker: Marker): boolean {
  const boot = bootId();
  return boot === undefined ? !isProcessAlive(marker.owner) : marker.boot !== boot;
}

function bootId(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    // Not Linux.
    return undefined;
  }
}
