// golden.json: for each expected tree the digest that mkcomposefs gives for its dump, and the digests that other projects
// pin. It is written by `npx vitest run test/interop/golden.test.ts -u` where mkcomposefs is, and never by this project's
// own writer. mkcomposefs knows no sha512: the only sha512 digests are pinned ones.

import type { FixtureCase, FixtureOptions } from "./fixture.ts";

export interface GoldenDigest {
  readonly case: string;
  readonly options: FixtureOptions;
  /** fs-verity digest of the image, hex. */
  readonly digest: string;
  /** Which tool gave it, with its version and options. */
  readonly tool: string;
}

export interface WantedDigest extends Omit<GoldenDigest, "digest" | "tool"> {
  readonly dump: string;
  /** What makes mkcomposefs write the same version. */
  readonly args: readonly string[];
}

/** The digests that mkcomposefs has to give. */
export function wantedDigests(fixtures: readonly FixtureCase[]): WantedDigest[] {
  return fixtures.flatMap((fixture) =>
    fixture.expect.flatMap((expectation) => {
      if (!("dump" in expectation)) return [];
      const { options = {}, dump } = expectation;
      // By default version 0, and 1 for a tree with whiteouts.
      const args = options.erofsVersion === 0 ? [] : ["--min-version=1"];
      return [{ case: fixture.name, options, dump, args }];
    }),
  );
}

export function pinnedDigests(fixtures: readonly FixtureCase[]): GoldenDigest[] {
  return fixtures.flatMap((fixture) =>
    fixture.expect.flatMap((expectation) => {
      if (!("tool" in expectation)) return [];
      const { options, digest, tool } = expectation;
      return [{ case: fixture.name, options, digest, tool }];
    }),
  );
}

/** The same for the same case and options. */
export function goldenKey({ case: name, options }: Pick<GoldenDigest, "case" | "options">): string {
  return JSON.stringify([name, Object.entries(options).sort()]);
}

/** The file's text: one digest a line, so that a change shows as one. */
export function formatGolden(digests: readonly GoldenDigest[]): string {
  const byKey = digests.toSorted((a, b) => (goldenKey(a) < goldenKey(b) ? -1 : 1));
  return `[\n${byKey.map((digest) => `  ${JSON.stringify(digest)}`).join(",\n")}\n]\n`;
}
