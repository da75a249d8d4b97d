// `oci2cfs mkfs DUMP IMAGE`: a composefs-dump(5) text becomes an image file, as `mkcomposefs --from-file`.

import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import type { Command } from "commander";
import { Oci2cfsError, withContext } from "../errors.ts";
import { formatVerityDigest } from "../format/digest.ts";
import { uniqueName } from "../sys/files.ts";
import { parseAlgorithm } from "./options.ts";
import { print } from "./session.ts";

interface MkfsFlags {
  minVersion?: string;
  maxVersion?: string;
  algorithm?: string;
}

export function addMkfs(program: Command): void {
  program
    .command("mkfs")
    .description("write the image of a composefs dump and print its digest")
    .argument("<dump>", "the dump text, or - for standard input")
    .argument("<image>", "the image file to write, or - for none: the digest alone")
    .option("--min-version <n>", "composefs version of an image without whiteouts (default: 0)")
    .option("--max-version <n>", "version of one with whiteouts (default: 1, or 0 when --min-version is given)")
    .option("--algorithm <hash>", "the digest to print: sha256 or sha512 (default: sha256)")
    .addHelpText(
      "after",
      `
The two versions mean what they mean to mkcomposefs; giving one leaves the other at 0.

Examples:
  oci2cfs mkfs os.dump os.cfs
  composefs-info dump os.cfs | oci2cfs mkfs --min-version 1 - -`,
    )
    .action(async (dump: string, image: string, flags: MkfsFlags) => {
      const [{ parseDump }, { writeErofs }, { verityDigest }] = await Promise.all([
        import("../format/dump.ts"),
        import("../format/erofs/write.ts"),
        import("../format/verity.ts"),
      ]);
      const bytes = writeErofs(parseDump(readInput(dump)), versions(flags));
      if (image !== "-") writeImage(image, bytes);
      print(formatVerityDigest(verityDigest(bytes, parseAlgorithm(flags.algorithm) ?? "sha256")));
    });
}

function versions(flags: MkfsFlags): { minVersion: 0 | 1; maxVersion: 0 | 1 } {
  const neither = flags.minVersion === undefined && flags.maxVersion === undefined;
  const minVersion = version("--min-version", flags.minVersion) ?? 0;
  const maxVersion = version("--max-version", flags.maxVersion) ?? (neither ? 1 : 0);
  return { minVersion, maxVersion: maxVersion < minVersion ? minVersion : maxVersion };
}

function version(option: string, value: string | undefined): 0 | 1 | undefined {
  if (value === undefined) return undefined;
  if (value === "0") return 0;
  if (value === "1") return 1;
  throw new Oci2cfsError("usage", `${option} does not take "${value}"`, { hint: "the versions are 0 and 1" });
}

function readInput(file: string): Buffer {
  try {
    return readFileSync(file === "-" ? 0 : file);
  } catch (error) {
    throw withContext(file === "-" ? "standard input" : file, error);
  }
}

/**
 * Whole or not at all: the file appears when its last byte is on the disk. What is no file, such as /dev/null or a pipe,
 * is written to and never replaced, and a symlink stays what it is.
 */
function writeImage(file: string, bytes: Buffer): void {
  try {
    const existing = statSync(file, { throwIfNoEntry: false });
    if (existing === undefined) replaceFile(file, bytes);
    else if (existing.isFile()) replaceFile(realpathSync(file), bytes);
    else writeFileSync(file, bytes);
  } catch (error) {
    throw withContext(`writing ${file}`, error);
  }
}

function replaceFile(file: string, bytes: Buffer): void {
  const temporary = uniqueName(`${file}.tmp`);
  const fd = openSync(temporary, "wx", 0o644);
  try {
    try {
      writeFileSync(fd, bytes);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
