#!/usr/bin/env node
// argv → verb → exit code; the only file that touches process.exit. Each verb lives in commands/ and loads what it
// needs when it runs, so that --help and completions start fast.

import { Command, CommanderError } from "commander";
import { addCompletion } from "./commands/completion.ts";
import { addComputeDigest } from "./commands/compute-digest.ts";
import { addDump } from "./commands/dump.ts";
import { addImages } from "./commands/images.ts";
import { addInspect } from "./commands/inspect.ts";
import { addLs } from "./commands/ls.ts";
import { addMeasure } from "./commands/measure.ts";
import { addMkfs } from "./commands/mkfs.ts";
import { addMount } from "./commands/mount.ts";
import { addPull } from "./commands/pull.ts";
import { addGlobalOptions, applyLogOptions, type Session } from "./commands/session.ts";
import { addTag } from "./commands/tag.ts";
import { addUmount } from "./commands/umount.ts";
import { addUntag } from "./commands/untag.ts";
import { exitCodeOf, Oci2cfsError } from "./errors.ts";
import { log } from "./log.ts";
import { VERSION } from "./version.ts";

const verbs = [
  addPull,
  addComputeDigest,
  addImages,
  addInspect,
  addLs,
  addTag,
  addUntag,
  addMount,
  addUmount,
  addMkfs,
  addDump,
  addMeasure,
  addCompletion,
];

function buildProgram(session: Session): Command {
  const program = new Command("oci2cfs")
    .description("Turns container images into fs-verity-protected composefs images")
    .version(VERSION, "--version", "print the version")
    .helpCommand(false)
    .showHelpAfterError("(--help shows what it takes)")
    .exitOverride()
    .addHelpText(
      "after",
      `
Examples:
  oci2cfs pull oci:/srv/os:latest            import an image and print its composefs digest
  oci2cfs compute-digest oci-archive:os.tar  the same digest with nothing stored
  oci2cfs mount oci:/srv/os:latest /mnt      the kernel mount, as root

Exit codes: 0 ok, 1 failure or usage, 2 no such image at the source, 3 verification failed, 130 interrupted`,
    );
  addGlobalOptions(program, false);
  program.hook("preAction", (_, action) => applyLogOptions(action.optsWithGlobals()));
  for (const addVerb of verbs) addVerb(program, session);
  for (const verb of program.commands) addGlobalOptions(verb, true);
  return program;
}

function report(error: unknown): void {
  if (error instanceof CommanderError) return;
  if (error instanceof Oci2cfsError) {
    process.stderr.write(`Error: ${error.message}\n`);
    if (error.hint !== undefined) process.stderr.write(`hint: ${error.hint}\n`);
    log("debug", () => error.stack ?? "");
    return;
  }
  process.stderr.write(`Error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.stderr.write("hint: this is a defect of oci2cfs, please report it\n");
}

async function main(argv: readonly string[]): Promise<number> {
  const abort = new AbortController();
  let stoppedBy: "SIGINT" | "SIGTERM" | undefined;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      // The second one is for those who cannot wait.
      if (stoppedBy !== undefined) process.exit(signal === "SIGINT" ? 130 : 143);
      stoppedBy = signal;
      abort.abort(new Oci2cfsError("interrupted", "interrupted"));
    });
  }
  // A reader that went away, as in `oci2cfs dump … | head`, is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
  try {
    await buildProgram({ signal: abort.signal }).parseAsync(argv);
    return 0;
  } catch (error) {
    report(error);
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    if (error instanceof Oci2cfsError && error.code === "interrupted") return stoppedBy === "SIGTERM" ? 143 : 130;
    return exitCodeOf(error);
  }
}

process.exitCode = await main(process.argv);
