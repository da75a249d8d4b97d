// `npm run demo`: the main job on an image that is built on the spot. Pulls it with the command line, compares the digest with
// the one that mkcomposefs gave (golden.json), and, as root, mounts the image and reads a file.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { demo } from "./cases/demo.ts";
import type { GoldenDigest } from "./golden.ts";
import { TAG, writeOciLayout } from "./oci-layout.ts";

const project = path.join(import.meta.dirname, "../..");
const work = mkdtempSync(path.join(tmpdir(), "oci2cfs-demo-"));
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

/** Runs a verb as a user would, and shows what is run. */
function oci2cfs(...args: string[]): string {
  say(`$ oci2cfs ${args.join(" ")}`);
  const result = spawnSync(process.execPath, [path.join(project, "dist/src/cli.js"), ...args], {
    cwd: work,
    encoding: "utf8",
    env: { ...process.env, OCI2CFS_REPO: path.join(work, "repo") },
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (result.status !== 0) throw new Error(`oci2cfs ${args.join(" ")} ended with ${result.status}`);
  if (result.stdout !== "") say(result.stdout.trimEnd());
  return result.stdout;
}

/** Also true for a module that is not loaded yet. */
function kernelHas(filesystem: string): boolean {
  const listed = (): boolean => readFileSync("/proc/filesystems", "utf8").includes(`\t${filesystem}\n`);
  return listed() || (spawnSync("modprobe", [filesystem]).status === 0 && listed());
}

function showMounted(): void {
  const mount = path.join(work, "mnt");
  mkdirSync(mount);
  oci2cfs("mount", "demo", "mnt");
  try {
    say("$ cat mnt/usr/lib/os-release");
    say(readFileSync(path.join(mount, "usr/lib/os-release"), "utf8").trimEnd());
  } finally {
    oci2cfs("umount", "mnt");
  }
}

try {
  writeOciLayout(path.join(work, "demo-image"), demo);
  const digest = oci2cfs("pull", `oci:demo-image:${TAG}`, "demo").trim();
  const golden = JSON.parse(readFileSync(path.join(project, "oci-fixtures/golden.json"), "utf8")) as GoldenDigest[];
  const expected = golden.find((entry) => entry.case === "demo" && Object.keys(entry.options).length === 0);
  if (digest !== `sha256:${expected?.digest}`) throw new Error(`the digest should be sha256:${expected?.digest}`);
  say(`# the same digest as by ${expected?.tool}`);
  oci2cfs("images");
  oci2cfs("ls", "demo", "/usr/bin");
  if (process.platform !== "linux" || process.geteuid?.() !== 0) {
    say("# run by root on Linux, this would mount the image now and read a file");
  } else if (kernelHas("erofs") && kernelHas("overlay")) showMounted();
  else say("# this kernel has no EROFS or no overlayfs, so the image is not mounted");
} finally {
  rmSync(work, { recursive: true, force: true });
}
