// The program as users run it: arguments in, standard output, messages and exit codes out.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { header } from "../../oci-fixtures/tar-builder.ts";
import { digestOf, LayoutBuilder, types } from "../source/layout-builder.ts";

const cli = path.join(import.meta.dirname, "../../dist/src/cli.js");
const work = mkdtempSync(path.join(tmpdir(), "oci2cfs-cli-"));
const repo = path.join(work, "repo");
const layout = path.join(work, "layout");
const reference = `oci:${layout}:latest`;

interface Run {
  status: number | null;
  stdout: string;
  stderr: string;
}

function oci2cfs(args: readonly string[], options: { uid?: number; env?: NodeJS.ProcessEnv } = {}): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    encoding: "utf8",
    env: { ...process.env, OCI2CFS_REPO: repo, ...options.env },
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  return { status, stdout, stderr };
}

async function tarOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const archive = pack();
  for (const name of ["usr/", "usr/bin/", "etc/"])
    archive.entry({ name, type: "directory", mode: 0o755, mtime: new Date(0) });
  for (const [name, content] of Object.entries(files)) archive.entry({ name, mtime: new Date(1e12) }, content);
  archive.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of archive) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

beforeAll(async () => {
  const builder = new LayoutBuilder();
  const layers = [
    await tarOf({ "usr/bin/tool": "x".repeat(100_000), "etc/os-release": "ID=test\n", "etc/gone": "soon" }),
    await tarOf({ "etc/.wh.gone": "", "usr/bin/more": "y".repeat(5000) }),
  ];
  const config = builder.json(
    {
      os: "linux",
      architecture: "amd64",
      created: "2026-01-02T03:04:05Z",
      config: { Labels: { a: "b" } },
      rootfs: { type: "layers", diff_ids: layers.map((layer) => digestOf(layer)) },
    },
    types.config,
  );
  const blobs = layers.map((layer) => builder.blob(gzipSync(layer), `${types.tar}+gzip`));
  const manifest = builder.json({ schemaVersion: 2, mediaType: types.manifest, config, layers: blobs }, types.manifest);
  builder.tag(manifest, "latest").write(layout);
});

afterAll(() => rmSync(work, { recursive: true, force: true }));

describe("help", () => {
  const verbs =
    oci2cfs(["--help"])
      .stdout.match(/^ {2}[a-z][a-z-]*(?= |\|)/gm)
      ?.map((verb) => verb.trim()) ?? [];

  it("lists the verbs", () => {
    expect(verbs).toEqual(
      expect.arrayContaining([
        "pull",
        "compute-digest",
        "mkfs",
        "dump",
        "measure",
        "images",
        "inspect",
        "tag",
        "untag",
        "ls",
        "mount",
        "umount",
        "completion",
      ]),
    );
  });

  it("has an example for every verb", () => {
    for (const verb of verbs) {
      const { stdout, status } = oci2cfs([verb, "--help"]);
      expect(status, verb).toBe(0);
      expect(stdout, verb).toMatch(/Examples?:\n {2}oci2cfs /);
    }
  });

  it("prints the version of package.json", () => {
    const { version } = JSON.parse(readFileSync(path.join(import.meta.dirname, "../../package.json"), "utf8"));
    expect(oci2cfs(["--version"]).stdout).toBe(`${version}\n`);
  });
});

describe("pull and what follows", () => {
  it("prints the digest alone, the same as compute-digest, and the same again", () => {
    const first = oci2cfs(["pull", reference]);
    expect(first).toMatchObject({ status: 0, stdout: expect.stringMatching(/^sha256:[0-9a-f]{64}\n$/) });
    expect(first.stderr).toContain("layer 1/2");
    const again = oci2cfs(["pull", reference, "stable"]);
    expect(again).toMatchObject({ status: 0, stdout: first.stdout });
    expect(oci2cfs(["compute-digest", reference]).stdout).toBe(first.stdout);
    expect(readdirSync(path.join(repo, "tmp"))).toEqual([]);
  });

  it("is quiet when asked, and takes options before and behind the verb", () => {
    const before = oci2cfs(["-q", "--repo", path.join(work, "quiet"), "pull", reference]);
    expect(before).toMatchObject({ status: 0, stderr: "" });
    const behind = oci2cfs(["images", "--repo", path.join(work, "quiet"), "--format", "json"]);
    expect(JSON.parse(behind.stdout)).toMatchObject({ version: 1, images: [{ name: reference }] });
  });

  it("lists and shows images", () => {
    oci2cfs(["pull", reference, "stable"]);
    expect(oci2cfs(["images"]).stdout).toMatch(/^NAME +MANIFEST +VARIANT +COMPOSEFS +CREATED\n/);
    const shown = JSON.parse(oci2cfs(["inspect", "stable", "--format", "json"]).stdout);
    expect(shown).toMatchObject({ version: 1, name: "stable", labels: { a: "b" }, architecture: "amd64" });
    expect(shown.layers).toHaveLength(2);
    const digest = oci2cfs(["pull", reference]).stdout.trim();
    expect(shown.composefs).toContainEqual({ variant: "composefs.image.v1", digest });
    expect(oci2cfs(["inspect", `@${shown.manifestDigest}`]).stdout).toContain(digest);
  });

  it("adds and removes names", () => {
    oci2cfs(["pull", reference, "one"]);
    expect(oci2cfs(["tag", "one", "other/name:1"]).status).toBe(0);
    expect(oci2cfs(["inspect", "other/name:1"]).status).toBe(0);
    expect(oci2cfs(["untag", "one"]).status).toBe(0);
    const gone = oci2cfs(["inspect", "one"]);
    expect(gone.status).toBe(1);
    expect(gone.stderr).toMatch(/^Error: no image "one" in .*\nhint: it holds /);
    expect(oci2cfs(["untag", "one"]).status).toBe(1);
    expect(oci2cfs(["tag", "other/name:1", "@x"])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("cannot be a tag"),
    });
  });

  it("keeps images of several kinds beside each other", () => {
    const plain = oci2cfs(["pull", reference, "kinds"]).stdout.trim();
    const old = oci2cfs(["pull", "--erofs-version", "0", reference, "kinds"]).stdout.trim();
    expect(old).not.toBe(plain);
    const { composefs } = JSON.parse(oci2cfs(["inspect", "kinds", "--format", "json"]).stdout);
    expect(composefs.map(({ digest }: { digest: string }) => digest)).toEqual(expect.arrayContaining([plain, old]));
    expect(oci2cfs(["ls", old]).status).toBe(0);
  });

  it("writes progress as JSON lines", () => {
    const target = path.join(work, "progress");
    const { status } = spawnSync("sh", [
      "-c",
      `exec "$@" 3>${target}`,
      "sh",
      process.execPath,
      cli,
      "--progress-fd",
      "3",
      "pull",
      "--repo",
      path.join(work, "fresh"),
      reference,
    ]);
    expect(status).toBe(0);
    const events = readFileSync(target, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events[0]).toEqual({ type: "Start", version: "0.1.0" });
    const bytes = events.filter((event) => event.type === "ProgressBytes").at(-1);
    expect(bytes).toMatchObject({ task: "pulling", stepsTotal: 2, steps: 2 });
    expect(bytes.bytes).toBe(bytes.bytesTotal);
    expect(events.at(-1)).toMatchObject({ type: "ProgressSteps", task: "publish" });
  });
});

describe("an image of the repository", () => {
  it("is listed and dumped, and the dump makes the same image again", () => {
    const digest = oci2cfs(["pull", reference, "whole"]).stdout;
    expect(oci2cfs(["ls", "whole", "/etc"]).stdout).toContain("os-release");
    expect(oci2cfs(["ls", "whole", "/etc"]).stdout).not.toContain("gone");
    const dump = oci2cfs(["dump", "whole"]).stdout;
    const file = path.join(work, "whole.dump");
    writeFileSync(file, dump);
    const image = path.join(work, "whole.cfs");
    expect(oci2cfs(["mkfs", "--min-version", "1", file, image]).stdout).toBe(digest);
    expect(oci2cfs(["measure", image]).stdout).toBe(`${digest.trim()} ${image}\n`);
    expect(oci2cfs(["dump", image]).stdout).toBe(dump);
  });
});

describe("errors", () => {
  const cases: [string, string[], number, RegExp][] = [
    ["no verb", [], 1, /Usage: oci2cfs/],
    ["an unknown verb", ["frobnicate"], 1, /unknown command/],
    ["an unknown option", ["pull", "--frob", "x"], 1, /unknown option/],
    ["a missing argument", ["pull"], 1, /missing required argument/],
    [
      "a bad choice",
      ["pull", "--algorithm", "md5", "oci:x"],
      1,
      /--algorithm does not take "md5"\nhint: it takes sha256, sha512/,
    ],
    ["a bad format", ["images", "--format", "xml"], 1, /unknown format "xml"/],
    ["a bad log level", ["--log-level", "loud", "images"], 1, /unknown log level/],
    ["a layout that is not there", ["pull", `oci:${work}/none:latest`], 2, /^Error: /],
    ["a tag that is not there", ["pull", `oci:${layout}:none`], 2, /latest/],
    ["no repository", ["images", "--repo", `${work}/none`], 1, /no composefs repository\nhint: /],
    ["a descriptor that is closed", ["--progress-fd", "77", "pull", reference], 1, /not a descriptor/],
  ];
  it.each(cases)("%s", (_, args, status, message) => {
    const run = oci2cfs(args);
    expect(run.status).toBe(status);
    expect(run.stderr).toMatch(message);
    expect(run.stdout).toBe("");
  });

  it("names the layer of a damaged blob, exits with 3 and publishes nothing", () => {
    const damaged = path.join(work, "damaged");
    cpSync(layout, damaged, { recursive: true });
    oci2cfs(["pull", reference, "d"]);
    const [layer] = JSON.parse(oci2cfs(["inspect", "--format", "json", "d"]).stdout).layers;
    const blob = path.join(damaged, "blobs", layer.digest.replace(":", "/"));
    const bytes = readFileSync(blob);
    const target = path.join(work, "damaged-repo");
    for (const [what, make] of [
      [
        "flipped",
        () =>
          writeFileSync(
            blob,
            bytes.map((byte, index) => (index === bytes.length >> 1 ? byte ^ 1 : byte)),
          ),
      ],
      ["truncated", () => truncateSync(blob, bytes.length - 10)],
      ["longer", () => writeFileSync(blob, Buffer.concat([bytes, Buffer.alloc(10)]))],
    ] as const) {
      chmodSync(blob, 0o644);
      writeFileSync(blob, bytes);
      make();
      const run = oci2cfs(["pull", "--repo", target, `oci:${damaged}:latest`]);
      expect(run.status, what).toBe(3);
      expect(run.stderr, what).toMatch(/Error: .*layer 1\/2 sha256:[0-9a-f]{64}: .*expected/);
      expect(readdirSync(path.join(target, "streams")), what).toEqual([]);
      expect(readdirSync(path.join(target, "images")), what).toEqual([]);
    }
  });

  it("refuses another hash than the repository has", () => {
    const run = oci2cfs(["pull", "--algorithm", "sha512", reference]);
    expect(run).toMatchObject({ status: 1, stderr: expect.stringContaining("uses sha256, not sha512") });
  });
});

describe("completion", () => {
  it.each(["bash", "zsh", "fish"])("%s has every verb", (shell) => {
    const { stdout, status } = oci2cfs(["completion", shell]);
    expect(status).toBe(0);
    for (const verb of ["pull", "compute-digest", "umount"]) expect(stdout).toContain(verb);
  });

  it("is a bash script that completes verbs and options", () => {
    const script = `${oci2cfs(["completion", "bash"]).stdout}
COMP_WORDS=(oci2cfs pu); COMP_CWORD=1; _oci2cfs; echo "\${COMPREPLY[@]}"
COMP_WORDS=(oci2cfs pull --boot); COMP_CWORD=2; _oci2cfs; echo "\${COMPREPLY[@]}"`;
    expect(spawnSync("bash", ["-c", script], { encoding: "utf8" }).stdout).toBe("pull\n--bootable\n");
  });

  it("refuses a shell it does not know", () => {
    expect(oci2cfs(["completion", "tcsh"])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("bash, zsh, fish"),
    });
  });
});

describe("signals", () => {
  const bigLayout = path.join(work, "big");

  beforeAll(() => {
    // Long enough to be interrupted, and small on the disk.
    const builder = new LayoutBuilder();
    const size = 600 * 1024 * 1024;
    const tar = Buffer.concat([header({ name: "big", type: "0", size }), Buffer.alloc(size)]);
    const config = builder.json(
      { os: "linux", architecture: "amd64", config: {}, rootfs: { type: "layers", diff_ids: [digestOf(tar)] } },
      types.config,
    );
    builder.tag(
      builder.json(
        {
          schemaVersion: 2,
          mediaType: types.manifest,
          config,
          layers: [builder.blob(gzipSync(tar, { level: 1 }), `${types.tar}+gzip`)],
        },
        types.manifest,
      ),
      "latest",
    );
    builder.write(bigLayout);
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s ends a pull with %d and leaves the store consistent", async (signal, status) => {
    const target = path.join(work, `signal-${signal}`);
    mkdirSync(target);
    const child: ChildProcess = spawn(process.execPath, [cli, "pull", "--repo", target, `oci:${bigLayout}:latest`]);
    await new Promise<void>((resolve) => {
      child.stderr?.on("data", (text: Buffer) => text.includes("importing") && resolve());
    });
    child.kill(signal);
    expect(await new Promise((resolve) => child.on("exit", (code) => resolve(code)))).toBe(status);
    expect(readdirSync(path.join(target, "streams"))).toEqual([]);
    expect(oci2cfs(["pull", "--repo", target, reference]).status).toBe(0);
    expect(readdirSync(path.join(target, "tmp"))).toEqual([]);
  });
});

const nobody = 65534;

/** Why somebody else cannot run the program here; "" when he can. */
function whyNotAsNobody(): string {
  if (process.getuid?.() !== 0) return " (skipped: only root can become somebody else)";
  if (oci2cfs(["--version"], { uid: nobody }).status === 0) return "";
  return " (skipped: only root can read the program or its Node)";
}

const skipReason = whyNotAsNobody();

describe.skipIf(skipReason !== "")(`without root${skipReason}`, () => {
  const home = path.join(work, "home");

  beforeAll(() => {
    chmodSync(work, 0o755);
    mkdirSync(home);
    spawnSync("chown", [`${nobody}:${nobody}`, home]);
  });

  it("pulls into the user's own repository and computes digests", () => {
    const env = { HOME: home, OCI2CFS_REPO: "", XDG_DATA_HOME: "" };
    const pulled = oci2cfs(["pull", reference], { uid: nobody, env: { ...env, XDG_DATA_HOME: undefined } });
    expect(pulled).toMatchObject({ status: 0, stdout: oci2cfs(["pull", reference]).stdout });
    expect(readdirSync(path.join(home, ".local/share/oci2cfs"))).toContain("meta.json");
    expect(oci2cfs(["compute-digest", reference], { uid: nobody }).stdout).toBe(pulled.stdout);
  });

  it("says what mounting needs", () => {
    const target = path.join(home, "mine");
    const env = { HOME: home, OCI2CFS_REPO: target };
    expect(oci2cfs(["pull", reference, "mine"], { uid: nobody, env }).status).toBe(0);
    const run = oci2cfs(["mount", "mine", home], { uid: nobody, env });
    expect(run).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/needs root \(CAP_SYS_ADMIN\)\nhint: run it with sudo/),
    });
  });
});
