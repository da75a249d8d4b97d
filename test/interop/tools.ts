// Finds the programs that interop tests compare with: below the directory that the environment variable OCI2CFS_SID
// names, a root file system of a newer distribution that is entered by chroot, or else on PATH.

import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

export interface ToolResult {
  /** The exit status; -1 when a signal ended the program. */
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface Scratch {
  /** The directory's path for the test. */
  readonly outside: string;
  /** Its path for the tool. */
  readonly inside: string;
  remove(): void;
}

export interface Tool {
  readonly name: string;
  run(args: readonly string[], input?: Buffer): ToolResult;
  /** Runs a shell script where the tool is on PATH: one start for many runs of it. */
  shell(script: string, input?: Buffer): ToolResult;
  /** A new empty directory that the tool can see. */
  scratch(): Scratch;
}

/** The tool, or why a test that needs it is skipped. */
export type ToolLookup =
  | { readonly found: Tool; readonly skip: undefined }
  | { readonly found: undefined; readonly skip: string };

const MAX_OUTPUT = 2 ** 30;
const binaryDirectories = ["usr/local/bin", "usr/local/sbin", "usr/bin", "usr/sbin", "bin", "sbin"];

export interface ToolOptions {
  /** The program reads /proc: it gets one in a mount namespace of its own, so that nothing stays mounted. */
  readonly proc?: boolean;
}

/** Looks for a program by name, in the other root first. */
export function tool(name: string, options: ToolOptions = {}): ToolLookup {
  const root = process.env.OCI2CFS_SID;
  const below = root !== undefined && root !== "" && binaryDirectories.some((dir) => isBelow(root, dir, name));
  if (!below) return hostTool(name);
  if (process.getuid?.() !== 0) return missing("OCI2CFS_SID is set, and only root can enter it");
  return { found: makeTool(name, root, options), skip: undefined };
}

/** Looks for a program on PATH only: one that must see the files of the test itself. */
export function hostTool(name: string): ToolLookup {
  const onPath = (process.env.PATH ?? "").split(path.delimiter).some((directory) => isProgram(directory, name));
  return onPath
    ? { found: makeTool(name, undefined), skip: undefined }
    : missing(`no ${name} below OCI2CFS_SID or on PATH`);
}

/** What a test needs besides programs, for `titled`. */
export function need(met: boolean, otherwise: string): { readonly skip: string | undefined } {
  return met ? { skip: undefined } : missing(otherwise);
}

/** A test without its tool is skipped, but not where all tests are meant to run: there that is a failure. */
function missing(reason: string): { readonly found: undefined; readonly skip: string } {
  if (process.env.CI === "true") throw new Error(`${reason}; with CI=true nothing may be skipped`);
  return { found: undefined, skip: reason };
}

function isBelow(root: string, directory: string, name: string): boolean {
  return existsSync(path.join(root, directory, name));
}

function isProgram(directory: string, name: string): boolean {
  if (directory === "") return false;
  try {
    accessSync(path.join(directory, name), constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const WITH_PROC = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"';

function makeTool(name: string, root: string | undefined, { proc = false }: ToolOptions = {}): Tool {
  const enter = proc ? ["unshare", "--mount", "sh", "-c", WITH_PROC] : ["chroot"];
  const spawn = (command: string, args: readonly string[], input: Buffer | undefined): ToolResult => {
    const [program = command, ...programArgs] = [...(root === undefined ? [] : [...enter, root]), command, ...args];
    const result = spawnSync(program, programArgs, {
      maxBuffer: MAX_OUTPUT,
      ...(input === undefined ? {} : { input }),
    });
    if (result.error !== undefined) throw result.error;
    return { status: result.status ?? -1, stdout: result.stdout, stderr: result.stderr.toString("utf8") };
  };
  return {
    name,
    run: (args, input) => spawn(name, args, input),
    shell: (script, input) => spawn("sh", ["-c", script], input),
    scratch: () => {
      const outside = mkdtempSync(
        path.join(root === undefined ? tmpdir() : path.join(root, "tmp"), "oci2cfs-interop-"),
      );
      const inside = root === undefined ? outside : path.join("/tmp", path.basename(outside));
      return { outside, inside, remove: () => rmSync(outside, { recursive: true, force: true }) };
    },
  };
}

/** A test's title that says why it is skipped: `mkcomposefs (skipped: no mkcomposefs on PATH)`. */
export function titled(title: string, ...lookups: readonly { readonly skip: string | undefined }[]): string {
  const reasons = lookups.flatMap(({ skip }) => (skip === undefined ? [] : [skip]));
  return reasons.length === 0 ? title : `${title} (skipped: ${reasons.join("; ")})`;
}
