import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { HashAlgorithm, VerityDigest } from "../../src/format/digest.ts";
import { allocateKnownDigests, KnownDigests } from "../../src/ingest/known-digests.ts";

const digestOf = (algorithm: HashAlgorithm, seed: number): VerityDigest =>
  createHash(algorithm).update(String(seed)).digest("hex") as VerityDigest;

describe.each(["sha256", "sha512"] as const)("known digests, %s", (algorithm) => {
  it("knows what was added and nothing else, from any view of the memory", () => {
    const memory = allocateKnownDigests(algorithm, 5000);
    const one = new KnownDigests(memory);
    const other = new KnownDigests(memory);
    for (let seed = 0; seed < 5000; seed++) one.add(digestOf(algorithm, seed));
    for (let seed = 0; seed < 5000; seed++) expect(other.has(digestOf(algorithm, seed))).toBe(true);
    for (let seed = 5000; seed < 10_000; seed++) expect(other.has(digestOf(algorithm, seed))).toBe(false);
  });

  it("keeps digests apart that begin alike", () => {
    const known = new KnownDigests(allocateKnownDigests(algorithm, 10));
    const first = digestOf(algorithm, 1);
    const twin = (first.slice(0, -1) + (first.endsWith("0") ? "1" : "0")) as VerityDigest;
    known.add(first);
    expect(known.has(twin)).toBe(false);
    known.add(twin);
    expect(known.has(twin)).toBe(true);
  });

  it("stops taking digests before it is full, so that a search always ends", () => {
    const known = new KnownDigests(allocateKnownDigests(algorithm, 1));
    for (let seed = 0; seed < 20_000; seed++) known.add(digestOf(algorithm, seed));
    expect(known.has(digestOf(algorithm, 0))).toBe(true);
    expect(known.has(digestOf(algorithm, 19_999))).toBe(false);
    expect(known.has(digestOf(algorithm, 1_000_000))).toBe(false);
  });
});
