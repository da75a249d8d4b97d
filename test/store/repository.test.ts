// The repository on disk: what is made, what is refused, what a crash leaves.

import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { type OciDigest, objectPath, type VerityDigest } from "../../src/format/digest.ts";
import { verityDigest } from "../../src/format/verity.ts";
import { layerId, manifestId } from "../../src/store/content-id.ts";
import { lockRepository } from "../../src/store/lock.ts";
import { ObjectStore } from "../../src/store/objects.ts";
import { openRepository, type Repository } from "../../src/store/repository.ts";
import { hostTool, titled } from "../interop/tools.ts";
import { otherProcess, readObjects, replaceFile, temporaryFiles } from "./repositories.ts";

const work = mkdtempSync(path.join(tmpdir(), "oci2cfs-store-"));
const flock = hostTool("flock");

/** Root in a container is often not allowed to. */
const canMount = ((): boolean => {
  const probe = path.join(work, "probe");
  mkdirSync(probe);
  return spawnSync("mount", ["-t", "tmpfs", "tmpfs", probe]).status === 0 && spawnSync("umount", [probe]).status === 0;
})();

let directory: string;
let count = 0;
const opened: Repository[] = [];

function open(mode: "read" | "write" | "create", algorithm?: "sha256" | "sha512"): Repository {
  const repository = openRepository({ path: directory, mode, ...(algorithm === undefined ? {} : { algorithm }) });
  opened.push(repository);
  return repository;
}

beforeEach(() => {
  directory = path.join(work, String(++count));
});
afterEach(() => {
  for (const repository of opened.splice(0)) repository.close();
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

const mode = (file: string): number => statSync(path.join(directory, file)).mode & 0o7777;
const digestA = `sha256:${"a".repeat(64)}` as OciDigest;

describe("a new repository", () => {
  it("has the layout and meta.json of composefs-rs", () => {
    open("create");
    expect(readdirSync(directory).sort()).toEqual(["images", "meta.json", "objects", "streams", "tmp"]);
    expect(mode(".")).toBe(0o700);
    expect(mode("meta.json")).toBe(0o644);
    expect(JSON.parse(readFileSync(path.join(directory, "meta.json"), "utf8"))).toEqual({
      version: 1,
      algorithm: "fsverity-sha256-12",
      features: { compatible: [], "read-only-compatible": ["v1_erofs"], incompatible: [] },
      erofs_formats: { default: 1 },
    });
  });

  it("keeps its hash", () => {
    open("create", "sha512").close();
    expect(open("read").algorithm).toBe("sha512");
    expect(() => open("write", "sha256")).toThrow(/uses sha512, not sha256/);
  });

  it("stores objects under their digests, readable whatever the umask", () => {
    const before = process.umask(0o077);
    try {
      const repository = open("create");
      const content = Buffer.alloc(10_000, "content");
      const digest = repository.writeObject(content);
      expect(digest).toBe(verityDigest(content, "sha256"));
      expect(mode(`objects/${objectPath(digest)}`)).toBe(0o644);
      expect(repository.readObject(digest).equals(content)).toBe(true);
      expect(repository.writeObject(content)).toBe(digest);
    } finally {
      process.umask(before);
    }
  });
});

describe("an existing one", () => {
  const writeMeta = (change: (meta: Record<string, unknown>) => void): void => {
    open("create").close();
    const file = path.join(directory, "meta.json");
    const meta = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    change(meta);
    replaceFile(file, JSON.stringify(meta));
  };

  it("that is not there is an error with a hint", () => {
    expect(() => open("read")).toThrow(
      expect.objectContaining({ code: "not-found", hint: expect.stringContaining("--repo") }),
    );
  });

  it("of a later version is refused", () => {
    writeMeta((meta) => {
      meta.version = 2;
    });
    expect(() => open("read")).toThrow(
      expect.objectContaining({ code: "unsupported", message: expect.stringContaining("version 2") }),
    );
  });

  it("with an unknown incompatible feature is refused by name", () => {
    writeMeta((meta) => {
      meta.features = { incompatible: ["time-travel"] };
    });
    expect(() => open("read")).toThrow(/time-travel/);
  });

  it("with an unknown read-only-compatible feature can be read only", () => {
    writeMeta((meta) => {
      meta.features = { "read-only-compatible": ["time-travel"] };
    });
    open("read");
    expect(() => open("write")).toThrow(expect.objectContaining({ code: "unsupported" }));
  });

  it.each(["", "[]", "{", '{"version":1}', '{"version":1,"algorithm":"md5"}', '{"version":"1"}'])(
    "with meta.json %j is refused",
    (text) => {
      open("create").close();
      replaceFile(path.join(directory, "meta.json"), text);
      expect(() => open("read")).toThrow(/^repository: meta.json/);
    },
  );

  it("without meta.json is taken for what its objects are", () => {
    const repository = open("create", "sha512");
    repository.writeObject(Buffer.alloc(100, "x"));
    repository.close();
    rmSync(path.join(directory, "meta.json"));
    expect(open("read").algorithm).toBe("sha512");
    expect(() => open("create", "sha256")).toThrow(/uses sha512, not sha256/);
    // To bring it up to date is for cfsctl, whose images it may hold: it was V2, and its objects need not have fs-verity.
    expect(open("create").writeObject(Buffer.alloc(100, "y"))).toHaveLength(128);
    expect(existsSync(path.join(directory, "meta.json"))).toBe(false);
  });

  it("of cfsctl may lack the directories that it makes when it needs them", () => {
    open("create").close();
    for (const name of ["images", "streams", "tmp"]) rmSync(path.join(directory, name), { recursive: true });
    const repository = open("write");
    repository.linkImage(repository.writeObject(Buffer.alloc(100, "x")));
    expect(repository.listLinks("images")).toHaveLength(1);
  });

  it("that is refused stays as it is", () => {
    writeMeta((meta) => {
      meta.features = { incompatible: ["time-travel"] };
    });
    rmSync(path.join(directory, "images"), { recursive: true });
    expect(() => open("create")).toThrow(/time-travel/);
    expect(existsSync(path.join(directory, "images"))).toBe(false);
    expect(() => open("write")).toThrow(/time-travel/);
    // Neither attempt still holds the lock.
    lockRepository(directory, "exclusive", 0).release();
  });
});

describe("reading", () => {
  it("finds damage", () => {
    const repository = open("create");
    const digest = repository.writeObject(Buffer.alloc(5000, "x"));
    const file = repository.objectFile(digest);
    replaceFile(file, Buffer.alloc(4999, "x"));
    expect(() => repository.readObject(digest)).toThrow(expect.objectContaining({ code: "digest-mismatch" }));
    rmSync(file);
    expect(() => repository.readObject(digest)).toThrow(expect.objectContaining({ code: "not-found" }));
  });

  it("bounds what it takes into memory", () => {
    const repository = open("create");
    const digest = repository.writeObject(Buffer.alloc(5000, "x"));
    expect(() => repository.readObject(digest, 4999)).toThrow(expect.objectContaining({ code: "unsupported" }));
  });
});

describe("names", () => {
  it("are relative links, as composefs-rs sets them", () => {
    const repository = open("create");
    const digest = repository.writeObject(Buffer.from("x".repeat(100)));
    repository.linkStream(layerId(digestA), digest);
    repository.linkImage(digest);
    repository.setTag("a%2Fb", manifestId(digestA));
    expect(readlinkSync(path.join(directory, "streams", `oci-layer-${digestA}`))).toBe(
      `../objects/${objectPath(digest)}`,
    );
    expect(readlinkSync(path.join(directory, "images", digest))).toBe(`../objects/${objectPath(digest)}`);
    expect(readlinkSync(path.join(directory, "streams/refs/oci/a%2Fb"))).toBe(`../../oci-manifest-${digestA}`);
    expect(repository.findStream(layerId(digestA))).toBe(digest);
    expect(repository.findStream(manifestId(digestA))).toBeUndefined();
    expect(repository.hasImage(digest)).toBe(true);
    rmSync(repository.objectFile(digest));
    expect(repository.findStream(layerId(digestA))).toBeUndefined();
    expect(repository.hasImage(digest)).toBe(false);
    expect(readdirSync(path.join(directory, "tmp")).filter((name) => name.startsWith("link"))).toEqual([]);
  });

  it("are replaced and removed", () => {
    const repository = open("create");
    const other = `sha256:${"b".repeat(64)}` as OciDigest;
    repository.setTag("t", manifestId(digestA));
    repository.setTag("t", manifestId(other));
    expect(repository.readTag("t")).toBe(manifestId(other));
    expect(repository.listLinks("streams/refs/oci")).toEqual(["t"]);
    expect(repository.removeTag("t")).toBe(true);
    expect(repository.removeTag("t")).toBe(false);
  });
});

describe("locks", () => {
  it("let many in, and one who is alone keeps the others out", () => {
    open("create");
    open("read");
    expect(() => lockRepository(directory, "exclusive", 0)).toThrow(expect.objectContaining({ code: "busy" }));
    for (const repository of opened.splice(0)) repository.close();
    const lock = lockRepository(directory, "exclusive", 0);
    expect(() => lockRepository(directory, "shared", 100)).toThrow(/held by another process/);
    lock.release();
    open("read");
  });

  it.skipIf(flock.found === undefined)(titled("respect flock of other programs", flock), async () => {
    open("create").close();
    // Not forking: then the program that holds the lock is the one to be ended.
    const holder = spawn("flock", ["--no-fork", "-x", directory, "sleep", "5"]);
    try {
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(() => lockRepository(directory, "shared", 0)).toThrow(expect.objectContaining({ code: "busy" }));
    } finally {
      holder.kill();
    }
  });
});

describe("after a crash", () => {
  const deadPid = 2 ** 22 - 1;
  const marker = (boot: string, since: number): string => {
    return markerOf(deadPid, boot, since);
  };
  const markerOf = (pid: number, boot: string, since: number): string => {
    const file = path.join(directory, "tmp", `dirty-${pid}-0123456789abcdef-1`);
    writeFileSync(file, JSON.stringify({ boot, since }));
    return file;
  };
  const thisBoot = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

  function writeObjects(): { good: VerityDigest; bad: VerityDigest; old: VerityDigest } {
    const repository = open("create");
    const digests = {
      good: repository.writeObject(Buffer.alloc(9000, "good")),
      bad: repository.writeObject(Buffer.alloc(9000, "bad")),
      old: repository.writeObject(Buffer.alloc(9000, "old")),
    };
    replaceFile(repository.objectFile(digests.bad), "");
    // Damage from before the crash is for fsck: here only what the crash can have done is looked at.
    replaceFile(repository.objectFile(digests.old), "");
    utimesSync(repository.objectFile(digests.old), 1000, 1000);
    repository.close();
    for (const name of readdirSync(path.join(directory, "tmp"))) rmSync(path.join(directory, "tmp", name));
    return digests;
  }

  it("of the machine, what was written around it is measured, and the bad removed", () => {
    const { good, bad, old } = writeObjects();
    const file = marker("another-boot", Date.now() - 60_000);
    const repository = open("write");
    expect(existsSync(repository.objectFile(good))).toBe(true);
    expect(existsSync(repository.objectFile(bad))).toBe(false);
    expect(existsSync(repository.objectFile(old))).toBe(true);
    expect(existsSync(file)).toBe(false);
  });

  it("of the machine that cut the marker itself, everything is measured", () => {
    const { good, bad, old } = writeObjects();
    writeFileSync(marker("", 0), "");
    const repository = open("write");
    expect([good, bad, old].map((digest) => existsSync(repository.objectFile(digest)))).toEqual([true, false, false]);
  });

  it("of the machine, a process that has the old one's number by now protects nothing", () => {
    const { bad } = writeObjects();
    const file = markerOf(process.pid, "another-boot", Date.now() - 60_000);
    const repository = open("write");
    expect(existsSync(repository.objectFile(bad))).toBe(false);
    expect(existsSync(file)).toBe(false);
  });

  it("of the machine, others are waited for, since nothing may be trusted before", () => {
    writeObjects();
    open("read");
    marker("another-boot", Date.now());
    const attempt = otherProcess(`
      const { openRepository } = await at("store/repository");
      print("waits");
      try { openRepository({ path: ${JSON.stringify(directory)}, mode: "write" }).close(); print("opened"); }
      catch (error) { print(error.code); }
    `);
    return (async () => {
      expect(await attempt.line()).toBe("waits");
      for (const repository of opened.splice(0)) repository.close();
      expect(await attempt.line()).toBe("opened");
      expect(await attempt.ended()).toBe(0);
      expect(temporaryFiles(directory)).toEqual([]);
    })();
  });

  it("of a process only, everything is whole, and the next writer syncs for it", () => {
    const { good, bad, old } = writeObjects();
    const file = marker(thisBoot(), Date.now() - 60_000);
    const repository = open("write");
    expect([good, bad, old].map((digest) => existsSync(repository.objectFile(digest)))).toEqual([true, true, true]);
    expect(existsSync(file)).toBe(false);
  });

  it("what others use stays while they have the repository open, and then goes", () => {
    open("create").close();
    const reader = open("read");
    const temporary = path.join(directory, "tmp");
    const names = [deadPid, process.pid].map((pid) => `object-${pid}-0123456789abcdef-1`);
    for (const name of [...names, "something"]) writeFileSync(path.join(temporary, name), "x");
    const file = marker(thisBoot(), Date.now());
    open("write").close();
    expect(temporaryFiles(directory).sort()).toEqual([path.basename(file), ...names, "something"].sort());
    reader.close();
    open("write");
    expect(temporaryFiles(directory)).toEqual(["something"]);
  });

  it("a marker says when the first object was written, and goes with the sync", async () => {
    const repository = open("create");
    const before = Date.now();
    repository.writeObject(Buffer.alloc(100, "x"));
    const [own = "", ...others] = temporaryFiles(directory);
    expect(others).toEqual([]);
    const { boot, since } = JSON.parse(readFileSync(path.join(directory, "tmp", own), "utf8")) as {
      boot: string;
      since: number;
    };
    expect(boot).toBe(thisBoot());
    expect(since).toBeGreaterThanOrEqual(before);
    repository.writeObject(Buffer.alloc(100, "y"));
    expect(temporaryFiles(directory)).toEqual([own]);
    await repository.sync();
    expect(temporaryFiles(directory)).toEqual([]);
    repository.writeObject(Buffer.alloc(100, "z"));
    expect(temporaryFiles(directory)).toHaveLength(1);
  });

  it("a writer that is killed leaves whole objects, and nothing once somebody else has opened", async () => {
    open("create").close();
    const writer = otherProcess(`
      const { openRepository } = await at("store/repository");
      const repository = openRepository({ path: ${JSON.stringify(directory)}, mode: "write" });
      print("writes");
      for (let number = 0; ; number++) repository.writeObject(Buffer.alloc(200_000, String(number)));
    `);
    expect(await writer.line()).toBe("writes");
    while (readObjects(directory).size < 20) await new Promise((resolve) => setTimeout(resolve, 20));
    writer.child.kill("SIGKILL");
    expect(await writer.ended()).toBe("SIGKILL");
    expect(temporaryFiles(directory).length).toBeGreaterThan(0);
    open("write");
    expect(temporaryFiles(directory)).toEqual([]);
    expect(readObjects(directory).size).toBeGreaterThanOrEqual(20);
  });
});

describe("several processes", () => {
  it("write the same objects at a time", async () => {
    const create = `
      const { openRepository } = await at("store/repository");
      await proceed();
      const repository = openRepository({ path: ${JSON.stringify(directory)}, mode: "create" });
      for (let number = 0; number < 300; number++) repository.writeObject(Buffer.alloc(5000, number + ","));
      await repository.sync();
      repository.close();
    `;
    const writers = [1, 2, 3].map(() => otherProcess(create));
    for (const writer of writers) writer.proceed();
    for (const writer of writers) {
      expect(await writer.line()).toBe("ended: ");
      expect(await writer.ended()).toBe(0);
    }
    expect(readObjects(directory).size).toBe(300);
    expect(temporaryFiles(directory)).toEqual([]);
  });

  it("create it with one hash, whoever is first", async () => {
    const algorithms = ["sha256", "sha512"] as const;
    const creators = algorithms.map((algorithm) =>
      otherProcess(`
        const { openRepository } = await at("store/repository");
        await proceed();
        try {
          const { algorithm } = openRepository({ path: ${JSON.stringify(directory)}, mode: "create", algorithm: "${algorithm}" });
          print(algorithm);
        } catch (error) { print(error.code); }
      `),
    );
    for (const creator of creators) creator.proceed();
    const said = await Promise.all(creators.map((creator) => creator.line()));
    const winner = open("read").algorithm;
    expect(said).toEqual(algorithms.map((algorithm) => (algorithm === winner ? algorithm : "usage")));
  });

  it.skipIf(process.getuid?.() !== 0)(
    "keep out who may not write (skipped unless root: becomes another user)",
    async () => {
      open("create").close();
      chmodSync(work, 0o755);
      chmodSync(directory, 0o755);
      const other = otherProcess(
        `
      const { openRepository } = await at("store/repository");
      for (const mode of ["read", "write", "create"]) {
        try { openRepository({ path: ${JSON.stringify(directory)}, mode }).writeObject(Buffer.alloc(100)); print("wrote"); }
        catch (error) { print([mode, error.code ?? error.message].join(" ")); }
      }
    `,
        { uid: 65534 },
      );
      expect(await other.line()).toBe("read the repository is open for reading only");
      expect(await other.line()).toBe("write io");
      expect(await other.line()).toBe("create io");
    },
  );
});

describe("the object store", () => {
  const store = (known?: { has(digest: VerityDigest): boolean; add(digest: VerityDigest): void }): ObjectStore =>
    new ObjectStore({
      path: directory,
      algorithm: "sha256",
      verity: "wanted",
      ...(known === undefined ? {} : { known }),
    });

  it("writes files that come in pieces, with holes", () => {
    const repository = open("create");
    const content = Buffer.concat([
      Buffer.alloc(100, "a"),
      Buffer.alloc(70_000),
      Buffer.alloc(50, "b"),
      Buffer.alloc(9000),
    ]);
    const digest = verityDigest(content, "sha256");
    const file = store().create();
    file.write(content, 0, 100);
    file.skip(70_000);
    file.write(content, 70_100, 70_150);
    file.skip(9000);
    expect(file.commit(digest)).toBe(true);
    expect(repository.readObject(digest).equals(content)).toBe(true);
  });

  it("tells what is new, and leaves nothing of what is thrown away", () => {
    open("create");
    const content = Buffer.alloc(100, "x");
    const digest = verityDigest(content, "sha256");
    expect(store().put(content, digest)).toBe(true);
    expect(store().put(content, digest)).toBe(false);
    const file = store().create();
    file.write(content, 0, 100);
    file.discard();
    const again = store().create();
    again.write(content, 0, 100);
    expect(again.commit(digest)).toBe(false);
    expect(readdirSync(path.join(directory, "tmp"))).toEqual([]);
  });

  it("never replaces an object that is there", () => {
    const repository = open("create");
    const content = Buffer.alloc(100, "x");
    const digest = verityDigest(content, "sha256");
    // This one has looked when there was nothing, and then another process is faster.
    const known = new Set<VerityDigest>();
    const slow = store(known);
    expect(slow.has(digest)).toBe(false);
    store().put(content, digest);
    const { ino } = statSync(repository.objectFile(digest));
    expect(slow.put(content, digest)).toBe(false);
    expect(statSync(repository.objectFile(digest)).ino).toBe(ino);
    expect([...known]).toEqual([digest]);
    expect(temporaryFiles(directory)).toEqual([]);
  });

  it("passes over names that are no objects", () => {
    open("create");
    const content = Buffer.alloc(100, "x");
    const digest = verityDigest(content, "sha256");
    mkdirSync(path.join(directory, "objects", digest.slice(0, 2)));
    writeFileSync(path.join(directory, "objects", digest.slice(0, 2), "README"), "");
    const known = new Set<VerityDigest>();
    expect(store(known).put(content, digest)).toBe(true);
    expect([...known]).toEqual([digest]);
  });

  it("demands fs-verity where the repository does", () => {
    const repository = open("create");
    const content = Buffer.alloc(100, "x");
    const strict = new ObjectStore({ path: directory, algorithm: "sha256", verity: "required" });
    const put = (): boolean => strict.put(content, verityDigest(content, "sha256"));
    if (repository.verity === "required") expect(put()).toBe(true);
    else {
      expect(put).toThrow(expect.objectContaining({ code: "no-verity", hint: expect.stringContaining("meta.json") }));
      expect(readObjects(directory).size).toBe(0);
    }
    expect(temporaryFiles(directory)).toEqual([]);
  });

  it("learns from the directory what others wrote, once", () => {
    open("create");
    const content = Buffer.alloc(100, "x");
    const digest = verityDigest(content, "sha256");
    store().put(content, digest);
    const known = new Set<VerityDigest>();
    const other = store(known);
    expect(other.put(content, digest)).toBe(false);
    expect([...known]).toEqual([digest]);
  });

  it.skipIf(!canMount)(
    "says so on a full disk, and gives the space back (skipped where no tmpfs can be mounted)",
    () => {
      mkdirSync(directory);
      expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", directory]).status).toBe(0);
      try {
        open("create");
        const content = Buffer.alloc(3_000_000, "x");
        expect(() => store().put(content, verityDigest(content, "sha256"))).toThrow(
          expect.objectContaining({
            code: "io",
            message: expect.stringMatching(/^repository .*: an object: writing: ENOSPC/),
          }),
        );
        expect(readdirSync(path.join(directory, "tmp"))).toEqual([]);
        const small = Buffer.alloc(1_000_000, "x");
        expect(store().put(small, verityDigest(small, "sha256"))).toBe(true);
      } finally {
        for (const repository of opened.splice(0)) repository.close();
        spawnSync("umount", [directory]);
      }
    },
  );
});
