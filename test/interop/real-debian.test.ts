// A real operating system through this project and through its peers: umoci unpacks it, mkcomposefs makes the image of
// that, the kernel mounts ours, and all of them have to agree. Only root can do this; it takes two minutes and the network.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { computeDigest } from "../../src/index.ts";
import { treeDump } from "../support/tree-dump.ts";
import { hostTool, need, type Scratch, type Tool, titled, tool } from "./tools.ts";

const [mkcomposefs, umoci, skopeo] = [tool("mkcomposefs", { proc: true }), tool("umoci"), tool("skopeo")];
const needs = [
  mkcomposefs,
  umoci,
  skopeo,
  ...["debootstrap", "umoci", "python3", "setcap", "setfattr", "mount"].map(hostTool),
  need(process.getuid?.() === 0, "only root can unpack and mount an operating system"),
  need(existsSync("/etc/debian_version"), "this machine is no Debian, whose release the image has"),
];
const cli = path.join(import.meta.dirname, "../../dist/src/cli.js");

function run(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8", maxBuffer: 2 ** 30 });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? stderr.slice(-2000)}`);
  return stdout.trim();
}

function objectsBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) =>
    /^[0-9a-f]{2}\/[0-9a-f]{62}$/.test(name),
  );
}

describe.skipIf(needs.some(({ skip }) => skip !== undefined))(titled("a real Debian", ...needs), () => {
  /** Below the other root, if there is one: umoci and mkcomposefs must see everything. */
  let scratch: Scratch;
  let tree: string;
  const at = (name: string): string => path.join(scratch.outside, name);
  const reference = (layout: string): string => `oci:${at(layout)}:latest`;
  const pull = (layout: string, repository: string, ...options: string[]): string =>
    run(process.execPath, [cli, "--repo", at(repository), "pull", ...options, reference(layout), "debian"]);

  const theirDigest = (dump: Buffer): string => {
    const args = ["--min-version=1", "--from-file", "--print-digest-only", "-"];
    const { status, stdout, stderr } = (mkcomposefs.found as Tool).run(args, dump);
    expect(status, stderr).toBe(0);
    return `sha256:${stdout.toString().trim()}`;
  };

  beforeAll(() => {
    scratch = (umoci.found as Tool).scratch();
    run(path.join(import.meta.dirname, "make-debian-image.sh"), [scratch.outside]);
    tree = at("tree");
    const { status, stderr } = (umoci.found as Tool).run([
      "raw",
      "unpack",
      "--image",
      `${scratch.inside}/gzip:latest`,
      `${scratch.inside}/tree`,
    ]);
    expect(status, stderr).toBe(0);
  });

  afterAll(() => {
    if (existsSync(at("mounted"))) spawnSync("umount", ["--quiet", at("mounted")]);
    scratch.remove();
  });

  it("has the digest that mkcomposefs gives for what umoci unpacks", () => {
    expect(pull("gzip", "cfs")).toBe(theirDigest(treeDump(tree, "allowlist")));
  });

  it("has it with all xattrs as well", () => {
    const dump = treeDump(tree, "all");
    // Otherwise this says nothing.
    for (const name of ["security.capability", "user.binary", "trusted.kept", "user.on-directory"]) {
      expect(dump.includes(` ${name}=`), name).toBe(true);
    }
    expect(pull("gzip", "cfs-all", "--xattrs", "all")).toBe(theirDigest(dump));
  });

  it.each(["zstd", "zstd:chunked"])("has it with %s layers", async (format) => {
    const layout = format.replace(":", "-");
    const compress = ["--dest-compress", "--dest-compress-format", format, "--dest-force-compress-format"];
    const from = `oci:${scratch.inside}/gzip:latest`;
    const copied = (skopeo.found as Tool).run([
      "--insecure-policy",
      "copy",
      "-q",
      ...compress,
      from,
      `oci:${scratch.inside}/${layout}:latest`,
    ]);
    expect(copied.status, copied.stderr).toBe(0);
    const index = JSON.parse(readFileSync(at(`${layout}/index.json`), "utf8"));
    const manifest = readFileSync(at(`${layout}/blobs/${index.manifests[0].digest.replace(":", "/")}`), "utf8");
    expect(manifest.match(/tar\+zstd/g)).toHaveLength(4);
    const [gzip, zstd] = await Promise.all([computeDigest(reference("gzip")), computeDigest(reference(layout))]);
    expect(zstd.digest).toBe(gzip.digest);
    expect(zstd.manifestDigest).not.toBe(gzip.manifestDigest);
  });

  it("has all objects that mkcomposefs stores", () => {
    const { status, stderr } = (mkcomposefs.found as Tool).run([
      `--digest-store=${scratch.inside}/store`,
      `${scratch.inside}/tree`,
      `${scratch.inside}/image.cfs`,
    ]);
    expect(status, stderr).toBe(0);
    const theirs = objectsBelow(at("store"));
    const ours = new Set(objectsBelow(at("cfs/objects")));
    expect(theirs.length).toBeGreaterThan(1000);
    expect(theirs.filter((name) => !ours.has(name))).toEqual([]);
  });

  it("is mounted by the kernel as the tree that umoci unpacks", () => {
    mkdirSync(at("mounted"));
    run(process.execPath, [cli, "--repo", at("cfs-all"), "mount", "debian", at("mounted")]);
    try {
      const [ours, theirs] = [treeDump(at("mounted")), treeDump(tree, "all")];
      // Lists of lines, for the first that differs: the texts are megabytes.
      const difference = firstDifference(ours.toString().split("\n"), theirs.toString().split("\n"));
      expect(difference).toBeUndefined();
    } finally {
      run(process.execPath, [cli, "umount", at("mounted")]);
    }
  });
});

function firstDifference(
  ours: readonly string[],
  theirs: readonly string[],
): { ours?: string; theirs?: string } | undefined {
  const length = Math.max(ours.length, theirs.length);
  for (let line = 0; line < length; line++) {
    if (ours[line] !== theirs[line]) return { ours: ours[line] ?? "(end)", theirs: theirs[line] ?? "(end)" };
  }
  return undefined;
}
