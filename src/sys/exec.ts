// Other programs, always with an array of arguments and never through a shell.

import { Oci2cfsError } from "../errors.ts";

/** What is kept of a program's output for messages. */
const TAIL_LENGTH = 400;

/**
 * Runs a program to its end and gives its standard output.
 * @throws Oci2cfsError `tool-failed` with what it said last, or that it is not installed.
 */
export async function run(program: string, args: readonly string[]): Promise<string> {
  const { execa } = await import("execa");
  const result = await execa(program, args, { reject: false, stdin: "ignore" });
  if (!result.failed) return result.stdout;
  if (result.code === "ENOENT") throw new Oci2cfsError("tool-failed", `${program}: not installed`);
  const said = result.stderr.trim().split("\n").join("; ").slice(-TAIL_LENGTH);
  throw new Oci2cfsError("tool-failed", `${program}: ${said === "" ? result.shortMessage : said}`);
}
