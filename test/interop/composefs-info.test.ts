// `composefs-info dump` and `objects` of our images against our own reading of them.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixtures } from "../../oci-fixtures/index.ts";
import { formatDump, parseDump } from "../../src/format/dump.ts";
import { readErofs } from "../../src/format/erofs/read.ts";
import { referencedObjects } from "../../src/format/erofs/read-objects.ts";
import { writeErofs } from "../../src/format/erofs/write.ts";
import type { Directory } from "../../src/format/node.ts";
import { type Scratch, titled, tool } from "./tools.ts";

const info = tool("composefs-info");
const vectors = path.join(import.meta.dirname, "../vectors/dump");

/** composefs-info reads two bytes too many of a redirect that nothing follows, and prints them. */
const misprinted = ["external-no-digest"];

const texts: [string, Buffer][] = [
  ...readdirSync(vectors)
    .filter((name) => name.endsWith(".dump"))
    .map((name): [string, Buffer] => [name.replace(/\.dump$/, ""), readFileSync(path.join(vectors, name))])
    .filter(([name]) => !misprinted.includes(name)),
  ...fixtures.flatMap((fixture) =>
    fixture.expect.flatMap((expectation, index): [string, Buffer][] =>
      "dump" in expectation ? [[`fixture-${fixture.name}-${index}`, Buffer.from(expectation.dump, "latin1")]] : [],
    ),
  ),
];

describe.skipIf(info.found === undefined)(titled("composefs-info", info), () => {
  let scratch: Scratch;
  const printed = new Map<string, string>();

  beforeAll(() => {
    scratch = info.found?.scratch() as Scratch;
    for (const [name, text] of texts) {
      writeFileSync(
        path.join(scratch.outside, `${name}.cfs`),
        writeErofs(parseDump(text), { minVersion: 0, maxVersion: 1 }),
      );
    }
    info.found?.shell(
      `cd ${scratch.inside} && for image in *.cfs; do composefs-info dump "$image" > "$image.dump"; composefs-info objects "$image" > "$image.objects"; done`,
    );
    for (const [name] of texts)
      printed.set(name, readFileSync(path.join(scratch.outside, `${name}.cfs.dump`), "latin1"));
  });

  afterAll(() => scratch.remove());

  const treeOf = (name: string): Directory => readErofs(readFileSync(path.join(scratch.outside, `${name}.cfs`)));

  it.each(texts)("dump of %s is ours", (name) => {
    expect(Buffer.concat([...formatDump(treeOf(name))]).toString("latin1")).toBe(printed.get(name));
  });

  it("objects of each image are ours", () => {
    let count = 0;
    for (const [name] of texts) {
      const listed = readFileSync(path.join(scratch.outside, `${name}.cfs.objects`), "latin1");
      const ours = [...referencedObjects(treeOf(name)).keys()].sort();
      expect(ours.map((object) => `${object}\n`).join(""), name).toBe(listed);
      count += ours.length;
    }
    expect(count).toBeGreaterThan(50);
  });
});
