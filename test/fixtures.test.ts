// Every fixture through this project: the digests of golden.json, which the real tools gave, or the refusal it names.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PINNED_TAR } from "../oci-fixtures/cases/composefs-rs-pin.ts";
import type { FixtureOptions } from "../oci-fixtures/fixture.ts";
import { type GoldenDigest, goldenKey } from "../oci-fixtures/golden.ts";
import { fixtures } from "../oci-fixtures/index.ts";
import { sha256, TAG, writeOciLayout } from "../oci-fixtures/oci-layout.ts";
import { Oci2cfsError } from "../src/errors.ts";
import { computeDigest } from "../src/index.ts";

const goldenFile = path.join(import.meta.dirname, "../oci-fixtures/golden.json");
const golden = JSON.parse(readFileSync(goldenFile, "utf8")) as GoldenDigest[];

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), "oci2cfs-fixtures-"));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function convert(reference: string, options: FixtureOptions): Promise<string> {
  try {
    return (await computeDigest(reference, options)).digest;
  } catch (error) {
    if (error instanceof Oci2cfsError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

const titles = (options: FixtureOptions | undefined): string =>
  Object.entries(options ?? {})
    .map(([name, value]) => ` --${name} ${value}`)
    .join("");

describe.each(fixtures)("$name: $about", (fixture) => {
  const reference = (): string => `oci:${path.join(directory, fixture.name)}:${TAG}`;

  beforeAll(() => writeOciLayout(path.join(directory, fixture.name), fixture));

  it.each(fixture.expect.map((expectation) => ({ title: titles(expectation.options), expectation })))(
    "gives what it must$title",
    async ({ expectation }) => {
      const result = await convert(reference(), expectation.options ?? {});
      if ("code" in expectation) {
        expect(result).toMatch(new RegExp(`^${expectation.code}: `));
        expect(result).toMatch(expectation.message);
        expect(result).not.toContain("\n");
        return;
      }
      const key = goldenKey({ case: fixture.name, options: expectation.options ?? {} });
      const known = golden.find((entry) => goldenKey(entry) === key);
      expect(result).toBe(known?.digest);
    },
  );
});

describe("fixtures", () => {
  it("have one name each, and golden.json knows no others", () => {
    const names = fixtures.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(golden.filter((entry) => !names.includes(entry.case))).toEqual([]);
  });

  it("are reproducible", () => {
    for (const fixture of fixtures) {
      const again = path.join(directory, "again", fixture.name);
      expect(writeOciLayout(again, fixture)).toBe(writeOciLayout(path.join(directory, fixture.name), fixture));
    }
  });

  it("have the very tar that composefs-rs pins", () => {
    const pin = fixtures.find(({ name }) => name === "composefs-rs-pin");
    expect(sha256(pin?.layers[0]?.tar ?? Buffer.alloc(0))).toBe(PINNED_TAR);
  });
});
