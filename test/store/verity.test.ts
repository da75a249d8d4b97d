// With a kernel and a file system that have fs-verity. TMPDIR says which file system: on ext4 it must have been made with
// `mkfs.ext4 -O verity`.

import { closeSync, openSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type HashAlgorithm, hashes, type VerityDigest } from "../../src/format/digest.ts";
import { VerityHasher } from "../../src/format/verity.ts";
import { ObjectStore } from "../../src/store/objects.ts";
import { openRepository } from "../../src/store/repository.ts";
import { type LinuxCalls, linuxCalls } from "../../src/sys/linux.ts";
import { digestOf, otherProcess, scratch, temporaryFiles } from "./repositories.ts";

const work = scratch("verity");
afterAll(() => work.remove());

const linux = linuxCalls() as LinuxCalls;

function hasVerity(): boolean {
  if (linuxCalls() === undefined) {
    work.remove();
    return false;
  }
  const file = work.next();
  writeFileSync(file, "x");
  const fd = openSync(file, "r");
  const errno = linux.enableVerity(fd, hashes.sha256.id);
  closeSync(fd);
  // Without any test to run there is no `afterAll` either.
  if (errno !== undefined) work.remove();
  return errno === undefined;
}

function measure(file: string): { algorithmId: number; digest: string } | undefined {
  const fd = openSync(file, "r");
  try {
    return linux.measureVerity(fd);
  } finally {
    closeSync(fd);
  }
}

/** Around blocks, a block of hashes (128 of sha256, 64 of sha512) and two levels of them. */
const sizes = [0, 1, 65, 4095, 4096, 4097, 64 * 4096, 64 * 4096 + 1, 128 * 4096, 128 * 4096 + 1, 2_000_000];

describe.skipIf(!hasVerity())("a file system with fs-verity (skipped unless TMPDIR is on one)", () => {
  it.each<HashAlgorithm>(["sha256", "sha512"])(
    "makes a new repository demand it, and gives it to every object, %s",
    (algorithm) => {
      const directory = work.next();
      const repository = openRepository({ path: directory, mode: "create", algorithm });
      expect(repository.verity).toBe("required");
      expect(measure(path.join(directory, "meta.json"))?.algorithmId).toBe(hashes[algorithm].id);
      for (const size of sizes) {
        const content = Buffer.alloc(size, `size ${size} `);
        const digest = repository.writeObject(content);
        expect(measure(repository.objectFile(digest))).toEqual({ algorithmId: hashes[algorithm].id, digest });
        expect(repository.readObject(digest).equals(content)).toBe(true);
      }
      repository.close();
      expect(openRepository({ path: directory, mode: "read" }).verity).toBe("required");
    },
  );

  it("measures large files with holes as we do", () => {
    const directory = work.next();
    const repository = openRepository({ path: directory, mode: "create" });
    const store = new ObjectStore({ path: directory, algorithm: "sha256", verity: "required" });
    const hasher = new VerityHasher("sha256");
    const file = store.create();
    const content = Buffer.alloc(300_000, "data");
    for (const hole of [70_000_001, 5]) {
      file.write(content, 0, content.length);
      hasher.update(content);
      file.skip(hole);
      hasher.updateZeros(hole);
    }
    const digest = hasher.digest();
    expect(file.commit(digest)).toBe(true);
    expect(measure(repository.objectFile(digest))?.digest).toBe(digest);
    repository.close();
  });

  it("lets nobody change an object", () => {
    const repository = openRepository({ path: work.next(), mode: "create" });
    const digest = repository.writeObject(Buffer.alloc(5000, "x"));
    expect(() => openSync(repository.objectFile(digest), "r+")).toThrow(/EPERM/);
    repository.close();
  });

  it("is used where it is not demanded, too", () => {
    const directory = work.next();
    openRepository({ path: directory, mode: "create" }).close();
    const meta = path.join(directory, "meta.json");
    // A copy has lost it.
    writeFileSync(`${meta}.new`, readFileSync(meta));
    renameSync(`${meta}.new`, meta);
    const repository = openRepository({ path: directory, mode: "write" });
    expect(repository.verity).toBe("wanted");
    const digest = repository.writeObject(Buffer.alloc(5000, "x"));
    expect(measure(repository.objectFile(digest))?.digest).toBe(digest);
    repository.close();
  });

  it("is waited for while a program that is being started still holds the file", async () => {
    const directory = work.next();
    const repository = openRepository({ path: directory, mode: "create" });
    const store = new ObjectStore({ path: directory, algorithm: "sha256", verity: "required" });
    const content = Buffer.alloc(5000, "held");
    const file = store.create();
    file.write(content, 0, content.length);
    const [temporary = ""] = readdirSync(path.join(directory, "tmp")).filter((name) => name.startsWith("object"));
    const holder = otherProcess(`
      const { openSync, closeSync } = await import("node:fs");
      const fd = openSync(${JSON.stringify(path.join(directory, "tmp", temporary))}, "r+");
      print("holds");
      setTimeout(() => closeSync(fd), 100);
    `);
    expect(await holder.line()).toBe("holds");
    const digest: VerityDigest = digestOf(content);
    expect(file.commit(digest)).toBe(true);
    expect(measure(repository.objectFile(digest))?.digest).toBe(digest);
    await holder.ended();
    expect(temporaryFiles(directory)).toEqual([]);
    repository.close();
  });

  it("names its errors", () => {
    const file = work.next();
    writeFileSync(file, "content");
    const held = openSync(file, "r+");
    const fd = openSync(file, "r");
    expect(linux.enableVerity(fd, hashes.sha256.id)).toBe("ETXTBSY");
    closeSync(held);
    expect(linux.enableVerity(fd, 99)).toBe("EINVAL");
    expect(linux.measureVerity(fd)).toBeUndefined();
    expect(linux.enableVerity(fd, hashes.sha512.id)).toBeUndefined();
    expect(linux.enableVerity(fd, hashes.sha512.id)).toBe("EEXIST");
    expect(linux.measureVerity(fd)).toEqual({ algorithmId: 2, digest: digestOf(Buffer.from("content"), "sha512") });
    closeSync(fd);
  });
});
