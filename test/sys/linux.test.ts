import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type LinuxCalls, linuxCalls } from "../../src/sys/linux.ts";
import { syncFileSystem, syncFileSystemNow } from "../../src/sys/sync.ts";
import { otherProcess, scratch } from "../store/repositories.ts";

const work = scratch("linux");
afterAll(() => work.remove());

function open(content: string): number {
  const file = work.next();
  writeFileSync(file, content);
  return openSync(file, "r");
}

it.skipIf(linuxCalls() === undefined)("koffi is not loaded before it is needed", async () => {
  const other = otherProcess(`
    const loaded = async () => print(String((await import("node:fs")).readFileSync("/proc/self/maps", "latin1").includes("koffi")));
    const { linuxCalls } = await at("sys/linux");
    await at("store/repository");
    await loaded();
    linuxCalls();
    await loaded();
  `);
  expect(await other.line()).toBe("false");
  expect(await other.line()).toBe("true");
});

const linux = linuxCalls() as LinuxCalls;

describe.skipIf(linuxCalls() === undefined)("Linux calls", () => {
  it("lock between descriptors, without waiting", () => {
    const file = work.next();
    writeFileSync(file, "");
    const [one, two] = [openSync(file, "r"), openSync(file, "r")];
    expect(linux.flock(one, "exclusive")).toBeUndefined();
    expect(["EAGAIN", "EWOULDBLOCK"]).toContain(linux.flock(two, "shared"));
    expect(linux.flock(one, "unlock")).toBeUndefined();
    expect(linux.flock(two, "shared")).toBeUndefined();
    closeSync(one);
    closeSync(two);
  });

  it("give the error's name", () => {
    expect(linux.flock(1_000_000, "shared")).toBe("EBADF");
    expect(linux.syncfs(1_000_000)).toBe("EBADF");
    expect(linux.enableVerity(1_000_000, 1)).toBe("EBADF");
    expect(linux.measureVerity(1_000_000)).toBeUndefined();
  });

  it("rename without replacing", () => {
    const [from, to] = [work.next(), work.next()];
    writeFileSync(from, "new");
    writeFileSync(to, "old");
    expect(linux.renameNoReplace(from, to)).toBe("EEXIST");
    expect(linux.renameNoReplace(path.join(from, "no"), to)).toBe("ENOTDIR");
    expect(linux.renameNoReplace(`${from}-no`, `${to}-other`)).toBe("ENOENT");
    expect(linux.renameNoReplace(from, `${to}-other`)).toBeUndefined();
    expect(readFileSync(to, "utf8")).toBe("old");
    expect(readFileSync(`${to}-other`, "utf8")).toBe("new");
  });

  it("see no fs-verity where it was not switched on", () => {
    const fd = open("content");
    expect(linux.measureVerity(fd)).toBeUndefined();
    closeSync(fd);
  });

  it("sync a file system", async () => {
    mkdirSync(path.join(work.path, "synced"));
    await syncFileSystem(path.join(work.path, "synced"));
    expect(syncFileSystemNow(work.path)).toBe(true);
    expect(() => syncFileSystemNow(path.join(work.path, "no"))).toThrow(/ENOENT/);
  });
});
