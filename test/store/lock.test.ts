import { mkdirSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { lockRepository, tryLockRepository } from "../../src/store/lock.ts";
import { linuxCalls } from "../../src/sys/linux.ts";
import { otherProcess, scratch } from "./repositories.ts";

const work = scratch("lock");
afterAll(() => work.remove());

function directory(): string {
  const made = work.next();
  mkdirSync(made);
  return made;
}

const busy = expect.objectContaining({ code: "busy", hint: expect.stringContaining("cfsctl") });

describe.skipIf(linuxCalls() === undefined)("the lock on a repository", () => {
  it("is shared by many", () => {
    const repository = directory();
    const locks = [1, 2, 3].map(() => lockRepository(repository, "shared", 0));
    expect(locks.map((lock) => lock.alone)).toEqual([false, false, false]);
    for (const lock of locks) lock.release();
  });

  it("keeps everybody else out when it is held alone", () => {
    const repository = directory();
    const lock = lockRepository(repository, "exclusive", 0);
    expect(lock.alone).toBe(true);
    expect(() => lockRepository(repository, "shared", 0)).toThrow(busy);
    expect(() => lockRepository(repository, "exclusive", 0)).toThrow(busy);
    lock.release();
    lockRepository(repository, "exclusive", 0).release();
  });

  it("cannot be had alone while others share it", () => {
    const repository = directory();
    const lock = lockRepository(repository, "shared", 0);
    expect(tryLockRepository(repository, "exclusive", 0)).toBeUndefined();
    expect(() => lockRepository(repository, "exclusive", 60)).toThrow(busy);
    lock.release();
  });

  it("lets others in once it is shared", () => {
    const repository = directory();
    const lock = lockRepository(repository, "exclusive", 0);
    lock.share();
    const other = lockRepository(repository, "shared", 0);
    expect(tryLockRepository(repository, "exclusive", 0)).toBeUndefined();
    other.release();
    lock.release();
  });

  it("may be released twice without closing what has got its number since", () => {
    const repository = directory();
    const lock = lockRepository(repository, "shared", 0);
    lock.release();
    const next = lockRepository(repository, "shared", 0);
    lock.release();
    expect(tryLockRepository(repository, "exclusive", 0)).toBeUndefined();
    next.release();
  });

  it("holds between processes, and ends with them", async () => {
    const repository = directory();
    const other = otherProcess(`
      const { lockRepository } = await at("store/lock");
      lockRepository(${JSON.stringify(repository)}, "exclusive", 0);
      print("locked");
      await proceed();
    `);
    expect(await other.line()).toBe("locked");
    expect(() => lockRepository(repository, "shared", 0)).toThrow(busy);
    other.child.kill("SIGKILL");
    expect(await other.ended()).toBe("SIGKILL");
    lockRepository(repository, "exclusive", 0).release();
  });

  it("is waited for", async () => {
    const repository = directory();
    const other = otherProcess(`
      const { lockRepository } = await at("store/lock");
      const lock = lockRepository(${JSON.stringify(repository)}, "exclusive", 0);
      print("locked");
      setTimeout(() => lock.release(), 200);
    `);
    expect(await other.line()).toBe("locked");
    lockRepository(repository, "shared", 30_000).release();
    expect(await other.ended()).toBe(0);
  });

  it("needs a directory", () => {
    expect(() => lockRepository(work.next(), "shared", 0)).toThrow(
      expect.objectContaining({ code: "not-found", message: expect.stringContaining("no composefs repository") }),
    );
  });
});
