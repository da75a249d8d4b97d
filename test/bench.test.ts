// The benchmark's image: the same at every run, and one that this program and others can read.

import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, it } from "vitest";
import { makeImage } from "../bench/image.ts";
import { Random } from "../bench/random.ts";
import { formatChart, formatTable, median } from "../bench/report.ts";
import { computeDigest } from "../src/index.ts";
import { hostTool, titled } from "./interop/tools.ts";

const work = mkdtempSync(path.join(tmpdir(), "oci2cfs-bench-test-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));

const zstd = hostTool("zstd");

it.skipIf(zstd.found === undefined)(
  titled("makes the same image again, which has one digest in all compressions", zstd),
  async () => {
    const one = await makeImage(path.join(work, "one"), 0.01);
    const other = await makeImage(path.join(work, "other"), 0.01);
    expect({ ...one, layout: "" }).toEqual({ ...other, layout: "" });
    const index = (name: string): string =>
      createHash("sha256")
        .update(readFileSync(path.join(work, name, "index.json")))
        .digest("hex");
    expect(index("one")).toBe(index("other"));
    const digests = await Promise.all(["gzip", "zstd", "plain"].map((tag) => computeDigest(`oci:${work}/one:${tag}`)));
    expect(new Set(digests.map(({ digest }) => digest)).size).toBe(1);
    expect((await computeDigest(`oci:${work}/one:changed`)).digest).not.toBe(digests[0]?.digest);
  },
);

it("has chance that is spread evenly and repeats", () => {
  const counts = Array.from({ length: 10 }, () => 0);
  const random = new Random(1);
  for (let index = 0; index < 100_000; index++) {
    const bucket = random.below(10);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  expect(new Random(1).next()).toBe(new Random(1).next());
  expect(new Random(1).next()).not.toBe(new Random(2).next());
});

it("reports medians in a table and a chart", () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
  const results = [{ name: "a < b", group: "ours" as const, cpu: 1, wall: 2, rss: 3, cpuRatio: 1, wallRatio: 1 }];
  expect(formatTable(results).split("\n")[1]).toMatch(/^a < b +1\.00 +2\.00 +3 +1\.00 +1\.00$/);
  expect(formatChart(results, "t")).toContain("a &lt; b");
});
