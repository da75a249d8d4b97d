// What every verb shares: the global options, where results go, and the signal that ends the work.

import { accessSync, constants } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Command } from "commander";
import { Oci2cfsError } from "../errors.ts";
import { type LogLevel, logLevels, setLogLevel } from "../log.ts";

export interface Session {
  /** Fires on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}

export interface GlobalOptions {
  repo?: string;
  logLevel?: string;
  quiet?: boolean;
  verbose?: boolean;
  progressFd?: string;
}

/** The options that may stand before the verb and behind it. `hidden` keeps the verb's own help short. */
export function addGlobalOptions(command: Command, hidden: boolean): void {
  const flags: [string, string][] = [
    ["--repo <dir>", "composefs repository (default: $OCI2CFS_REPO, else <ostree repo>/cfs, else /var/lib/oci2cfs)"],
    ["--log-level <level>", `how much to say on standard error: ${logLevels.join(", ")} (default: warn)`],
    ["-q, --quiet", "no progress, errors only"],
    ["-v, --verbose", "same as --log-level info"],
    ["--progress-fd <n>", "write progress as JSON lines to this file descriptor"],
  ];
  for (const [flag, description] of flags) {
    const option = command.createOption(flag, description);
    command.addOption(hidden ? option.hideHelp() : option);
  }
}

export function applyLogOptions(options: GlobalOptions): void {
  if (options.logLevel !== undefined) {
    if (!(logLevels as readonly string[]).includes(options.logLevel)) {
      throw new Oci2cfsError("usage", `unknown log level "${options.logLevel}"`, {
        hint: `the levels are ${logLevels.join(", ")}`,
      });
    }
    setLogLevel(options.logLevel as LogLevel);
  } else if (options.quiet === true) setLogLevel("error");
  else if (options.verbose === true) setLogLevel("info");
}

/** Where the repository is when nobody says. */
export function repositoryPath(options: GlobalOptions): string {
  const named = options.repo ?? process.env.OCI2CFS_REPO;
  if (named !== undefined && named !== "") return path.resolve(named);
  const ostree = "/ostree/repo";
  if (isWritable(ostree)) return path.join(ostree, "cfs");
  if (process.getuid?.() === 0) return "/var/lib/oci2cfs";
  const data = process.env.XDG_DATA_HOME ?? path.join(os.homedir(), ".local/share");
  return path.join(data, "oci2cfs");
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** A result for standard output. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** JSON for programs; the version says when fields change their meaning. */
export function printJson(value: Readonly<Record<string, unknown>>): void {
  print(JSON.stringify({ version: 1, ...value }, null, 2));
}

/** Reads `--format`. @throws Oci2cfsError `usage` */
export function wantsJson(format: string | undefined): boolean {
  if (format === undefined || format === "text") return false;
  if (format === "json") return true;
  throw new Oci2cfsError("usage", `unknown format "${format}"`, { hint: "the formats are text and json" });
}
