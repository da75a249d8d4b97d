import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, describe, expect, it } from "vitest";
import {
  isProcessAlive,
  processOf,
  readAll,
  readWholeFile,
  renameToNew,
  replaceSymlink,
  syncDirectory,
  uniqueName,
  writeAllAt,
} from "../../src/sys/files.ts";
import { otherProcess, scratch } from "../store/repositories.ts";

const work = scratch("files");
afterAll(() => work.remove());

function directory(): string {
  const made = work.next();
  mkdirSync(made);
  return made;
}

describe("names of temporary files", () => {
  it("say whose they are", () => {
    expect(processOf(uniqueName("object"))).toBe(process.pid);
    expect(processOf(uniqueName("with-12-dashes"))).toBe(process.pid);
  });

  it.each([
    "README",
    "object",
    "object-1-2-3",
    "object-1-0123456789abcde-1",
    "object-x-0123456789abcdef-1",
    "a-99999999999-0123456789abcdef-1",
  ])("%s is nobody's", (name) => {
    expect(processOf(name)).toBeUndefined();
  });

  it("differ between threads, and between processes even of the same number", async () => {
    const inThread = `
      const { parentPort } = require("node:worker_threads");
      import(${JSON.stringify(path.join(import.meta.dirname, "../../dist/src/sys/files.js"))})
        .then(({ uniqueName }) => parentPort.postMessage(uniqueName("x")));
    `;
    const names = await Promise.all(
      [1, 2].map(
        () =>
          new Promise<string>((resolve, reject) => {
            const worker = new Worker(inThread, { eval: true });
            worker.once("message", (name: string) => resolve(name));
            worker.once("error", reject);
          }),
      ),
    );
    const other = otherProcess(`print((await at("sys/files")).uniqueName("x"))`);
    names.push(uniqueName("x"), uniqueName("x"), await other.line());
    const withoutPid = names.map((name) => name.replace(/^x-\d+-/, ""));
    expect(new Set(withoutPid).size).toBe(5);
  });
});

describe("processes", () => {
  it("are alive until they end", async () => {
    const other = otherProcess("await proceed()");
    const pid = other.child.pid ?? 0;
    expect(isProcessAlive(pid)).toBe(true);
    expect(isProcessAlive(process.pid)).toBe(true);
    other.proceed();
    await other.ended();
    expect(isProcessAlive(pid)).toBe(false);
  });
});

describe("a new name", () => {
  it("is given once", () => {
    const made = directory();
    const [from, to] = [path.join(made, "from"), path.join(made, "to ü")];
    writeFileSync(from, "first");
    expect(renameToNew(from, to)).toBe(true);
    writeFileSync(from, "second");
    expect(renameToNew(from, to)).toBe(false);
    expect(readFileSync(to, "utf8")).toBe("first");
    expect(readdirSync(made).sort()).toEqual(["from", "to ü"]);
  });

  it("needs the old one and the directory", () => {
    const made = directory();
    writeFileSync(path.join(made, "from"), "");
    expect(() => renameToNew(path.join(made, "no"), path.join(made, "to"))).toThrow(/ENOENT/);
    expect(() => renameToNew(path.join(made, "from"), path.join(made, "no/to"))).toThrow(/ENOENT/);
  });
});

describe("a link", () => {
  it("is replaced at once, and leaves nothing behind when it cannot be", () => {
    const made = directory();
    const link = { path: path.join(made, "link"), temporary: path.join(made, "new") };
    replaceSymlink("one", link);
    replaceSymlink("two", link);
    expect(readlinkSync(link.path)).toBe("two");
    mkdirSync(path.join(made, "taken"));
    expect(() => replaceSymlink("three", { ...link, path: path.join(made, "taken") })).toThrow(/EISDIR/);
    expect(readdirSync(made).sort()).toEqual(["link", "taken"]);
  });
});

describe("content", () => {
  it("is written where it belongs", () => {
    const file = path.join(directory(), "file");
    const fd = openSync(file, "w");
    writeAllAt(fd, { buffer: Buffer.from("-abc-"), start: 1, end: 4, position: 2 });
    writeAllAt(fd, { buffer: Buffer.from("x"), start: 0, end: 0, position: 9 });
    closeSync(fd);
    expect(readFileSync(file, "latin1")).toBe("\0\0abc");
  });

  it("is read up to a limit, or not at all", () => {
    const file = path.join(directory(), "file");
    writeFileSync(file, "abcdef");
    const fd = openSync(file, "r");
    expect(readAll(fd, 4).toString()).toBe("abcd");
    expect(readAll(fd, 100).toString()).toBe("abcdef");
    closeSync(fd);
    expect(readWholeFile(file, 6)?.toString()).toBe("abcdef");
    expect(readWholeFile(file, 5)).toBeUndefined();
  });
});

it("a directory is synced, and one that is not there is an error", () => {
  const made = directory();
  syncDirectory(made);
  expect(() => syncDirectory(path.join(made, "no"))).toThrow(/ENOENT/);
});
