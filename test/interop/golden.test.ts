// golden.json again from the real tools: mkcomposefs gives its digests for the fixtures' dumps, fsverity those of the
// files, and umoci, with the tree-dump of what it unpacked, the dumps themselves. None of this project's conversion runs here.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as contents from "../../oci-fixtures/contents.ts";
import { formatGolden, type GoldenDigest, goldenKey, pinnedDigests, wantedDigests } from "../../oci-fixtures/golden.ts";
import { fixtures } from "../../oci-fixtures/index.ts";
import { TAG, writeOciLayout } from "../../oci-fixtures/oci-layout.ts";
import { treeDump } from "../support/tree-dump.ts";
import { hostTool, need, type Scratch, type Tool, titled, tool } from "./tools.ts";

const mkcomposefs = tool("mkcomposefs");
const fsverity = tool("fsverity");
const umoci = tool("umoci");
const goldenFile = path.join(import.meta.dirname, "../../oci-fixtures/golden.json");

function readGolden(): GoldenDigest[] {
  return existsSync(goldenFile) ? (JSON.parse(readFileSync(goldenFile, "utf8")) as GoldenDigest[]) : [];
}

/** Digests only: the image itself is not wanted. */
function digestOfDump(program: Tool, args: readonly string[], dump: Buffer): string {
  const { status, stdout, stderr } = program.run([...args, "--from-file", "--print-digest-only", "-"], dump);
  expect(status, stderr).toBe(0);
  return stdout.toString().trim();
}

describe.skipIf(mkcomposefs.skip !== undefined)(titled("mkcomposefs gives the golden digests", mkcomposefs), () => {
  it("for the dump of every fixture", async () => {
    const program = mkcomposefs.found as Tool;
    const golden = new Map(readGolden().map((entry) => [goldenKey(entry), entry]));
    const listed = program.shell("dpkg-query -W composefs").stdout.toString().trim();
    const version = listed.split("\t")[1] ?? "of unknown version";
    const digests = wantedDigests(fixtures).map(({ dump, args, ...wanted }): GoldenDigest => {
      const digest = digestOfDump(program, args, Buffer.from(dump));
      const known = golden.get(goldenKey(wanted));
      // Another version that gives the same digest is no news.
      const tool = ["mkcomposefs", version, "--from-file", ...args].join(" ");
      return known?.digest === digest ? known : { ...wanted, digest, tool };
    });
    await expect(formatGolden([...digests, ...pinnedDigests(fixtures)])).toMatchFileSnapshot(goldenFile);
  });
});

describe.skipIf(fsverity.skip !== undefined)(titled("fsverity gives the digests of the contents", fsverity), () => {
  let scratch: Scratch | undefined;

  beforeAll(() => {
    scratch = fsverity.found?.scratch();
  });

  afterAll(() => scratch?.remove());

  const known = Object.values(contents).filter((value) => typeof value === "object" && "verity" in value);

  it.each(known.map((content) => ({ size: content.bytes.length, content })))("of $size bytes", ({ content }) => {
    writeFileSync(path.join(scratch?.outside ?? "", "file"), content.bytes);
    const result = fsverity.found?.run(["digest", "--compact", `${scratch?.inside}/file`]);
    expect(result?.stdout.toString().trim()).toBe(content.verity);
  });
});

const python = hostTool("python3");
const root = need(process.getuid?.() === 0, "only root can make devices and set owners");

const differs = new Map(fixtures.map(({ name, umociDiffers }) => [name, umociDiffers]));
const unpackable = wantedDigests(fixtures).filter(
  ({ options }) => options.compat !== "composefs-rs" && options.bootable !== true,
);

/** umoci unpacks; an oracle of its own writes down what is there; mkcomposefs makes an image of that. */
describe.skipIf([mkcomposefs, umoci, python, root].some(({ skip }) => skip !== undefined))(
  titled("umoci unpacks the fixtures to the trees expected", mkcomposefs, umoci, python, root),
  () => {
    let scratch: Scratch;

    beforeAll(() => {
      scratch = (umoci.found as Tool).scratch();
    });

    afterAll(() => scratch.remove());

    /** Undefined when umoci does not take the image. */
    function unpack(name: string): string | undefined {
      const tree = path.join(scratch.outside, `${name}.tree`);
      if (existsSync(tree)) return tree;
      const fixture = fixtures.find((candidate) => candidate.name === name);
      if (fixture === undefined) return undefined;
      writeOciLayout(path.join(scratch.outside, name), fixture);
      const at = scratch.inside;
      const { status } = (umoci.found as Tool).run([
        "raw",
        "unpack",
        "--image",
        `${at}/${name}:${TAG}`,
        `${at}/${name}.tree`,
      ]);
      return status === 0 ? tree : undefined;
    }

    it.each(unpackable.filter((wanted) => differs.get(wanted.case) === undefined))("$case $options", (wanted) => {
      const tree = unpack(wanted.case);
      const dump = tree === undefined ? "" : treeDump(tree, wanted.options.xattrs ?? "allowlist").toString();
      const digest = dump === "" ? "" : digestOfDump(mkcomposefs.found as Tool, wanted.args, Buffer.from(dump));
      const known = readGolden().find((entry) => goldenKey(entry) === goldenKey(wanted))?.digest;
      // The dump says more than the digest when they differ.
      if (digest !== known) expect(dump).toBe(wanted.dump);
      expect(digest).toBe(known);
    });

    it.each(unpackable.filter((wanted) => differs.get(wanted.case) !== undefined))(
      "or not, and the fixture says why: $case $options",
      (wanted) => {
        const tree = unpack(wanted.case);
        if (tree !== undefined)
          expect(treeDump(tree, wanted.options.xattrs ?? "allowlist").toString()).not.toBe(wanted.dump);
      },
    );
  },
);
