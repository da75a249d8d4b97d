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
  truncateSync,
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

const work = mkdtempSync(path.join(tmpdir(), "oci2cfs-store-"));
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
    writeFileSync(file, JSON.stringify(meta));
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
      writeFileSync(path.join(directory, "meta.json"), text);
      expect(() => open("read")).toThrow(/^repository: meta.json/);
    },
  );

  it("without meta.json is taken for what its objects are", () => {
    const repository = open("create", "sha512");
    repository.writeObject(Buffer.alloc(100, "x"));
    repository.close();
    rmSync(path.join(directory, "meta.json"));
    expect(open("read").algorithm).toBe("sha512");
    open("create");
    expect(readFileSync(path.join(directory, "meta.json"), "utf8")).toContain("fsverity-sha512-12");
  });
});

describe("reading", () => {
  it("finds damage", () => {
    const repository = open("create");
    const digest = repository.writeObject(Buffer.alloc(5000, "x"));
    const file = repository.objectFile(digest);
    chmodSync(file, 0o644);
    truncateSync(file, 4999);
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

  it("respect flock of other programs", async () => {
    open("create").close();
    const holder = spawn("flock", ["-x", directory, "sleep", "5"]);
    try {
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(() => lockRepository(directory, "shared", 0)).toThrow(expect.objectContaining({ code: "busy" }));
    } finally {
      holder.kill();
      spawnSync("pkill", ["-P", String(holder.pid)]);
    }
  });
});

describe("after a crash", () => {
  const deadPid = 2 ** 22 - 1;
  const marker = (boot: string, since: number): string => {
    const file = path.join(directory, "tmp", `dirty-${deadPid}-0-1`);
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
    truncateSync(repository.objectFile(digests.bad), 0);
    // Damage from before the crash is for fsck: here only what the crash can have done is looked at.
    truncateSync(repository.objectFile(digests.old), 0);
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

  it("of a process only, the next writer takes its time over and syncs for it", async () => {
    writeObjects();
    const since = Date.now() - 60_000;
    const file = marker(thisBoot(), since);
    const repository = open("write");
    expect(existsSync(file)).toBe(true);
    repository.beginWriting();
    expect(existsSync(file)).toBe(false);
    const [own = ""] = readdirSync(path.join(directory, "tmp"));
    expect(JSON.parse(readFileSync(path.join(directory, "tmp", own), "utf8"))).toEqual({ boot: thisBoot(), since });
    await repository.sync();
    expect(readdirSync(path.join(directory, "tmp"))).toEqual([]);
  });

  it("waits for nobody who still reads", () => {
    writeObjects();
    open("read");
    marker("another-boot", Date.now());
    expect(() => lockRepository(directory, "exclusive", 0)).toThrow(expect.objectContaining({ code: "busy" }));
  });

  it("temporary files of dead processes go, those of living ones stay", () => {
    open("create").close();
    const temporary = path.join(directory, "tmp");
    writeFileSync(path.join(temporary, `object-${deadPid}-1-1`), "x");
    writeFileSync(path.join(temporary, `object-${process.pid}-1-1`), "x");
    writeFileSync(path.join(temporary, "something"), "x");
    open("write");
    expect(readdirSync(temporary).sort()).toEqual([`object-${process.pid}-1-1`, "something"]);
  });
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

  it.skipIf(process.getuid?.() !== 0)(
    "says so on a full disk, and gives the space back (skipped unless root: mounts a small tmpfs)",
    () => {
      mkdirSync(directory);
      expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", directory]).status).toBe(0);
      try {
        open("create");
        const content = Buffer.alloc(3_000_000, "x");
        expect(() => store().put(content, verityDigest(content, "sha256"))).toThrow(
          expect.objectContaining({ code: "io", message: expect.stringMatching(/^object store: writing: ENOSPC/) }),
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
