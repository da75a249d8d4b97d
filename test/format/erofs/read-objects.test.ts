// The objects that an image needs.

import { describe, expect, it } from "vitest";
import { parseDump } from "../../../src/format/dump.ts";
import { readErofs } from "../../../src/format/erofs/read.ts";
import { referencedObjects } from "../../../src/format/erofs/read-objects.ts";
import { writeErofs } from "../../../src/format/erofs/write.ts";

describe("the objects of an image", () => {
  const digest = "ab".repeat(32);
  const lines = [
    "/ 0 40755 3 0 0 0 1.0 - - -",
    `/a 100 100644 2 0 0 0 1.0 ab/one - ${digest}`,
    "/b 100 100644 1 0 0 0 1.0 zz/two - -",
    "/d 0 40755 2 0 0 0 1.0 - - -",
    "/d/again 200 100644 1 0 0 0 1.0 ab/one - -",
    "/d/deep 100 100644 1 0 0 0 1.0 cd/three - -",
    "/d/empty 0 100644 1 0 0 0 1.0 ef/none - -",
    "/d/inline 3 100644 1 0 0 0 1.0 - abc -",
    "/d/link 2 120777 1 0 0 0 1.0 ab - -",
    "/d/nowhere 5 100644 1 0 0 0 1.0 - - -",
    "/d/second 100 @100644 2 0 0 0 1.0 /a - -",
  ];
  const tree = parseDump(Buffer.from(lines.join("\n")));
  const expected = [
    ["ab/one", digest],
    ["cd/three", undefined],
    ["zz/two", undefined],
  ];

  it.each([
    ["a dump", tree],
    ["an image", readErofs(writeErofs(tree, { minVersion: 1, maxVersion: 1 }))],
  ])("are those of its external files, each once: from %s", (_, root) => {
    expect([...referencedObjects(root)].sort()).toEqual(expected);
  });
});
