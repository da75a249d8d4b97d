// `oci2cfs measure FILE…`: fs-verity digests computed from the content, in the form of `fsverity digest`.

import { closeSync, openSync, readSync } from "node:fs";
import type { Command } from "commander";
import { withContext } from "../errors.ts";
import { formatVerityDigest, type HashAlgorithm, type VerityDigest } from "../format/digest.ts";
import type { VerityHasher } from "../format/verity.ts";
import { parseAlgorithm } from "./options.ts";
import { print } from "./session.ts";

const READ_SIZE = 1024 * 1024;

export function addMeasure(program: Command): void {
  program
    .command("measure")
    .description("print the fs-verity digests of files")
    .argument("<files...>", "files, or - for standard input")
    .option("--algorithm <hash>", "sha256 or sha512 (default: sha256)")
    .addHelpText("after", "\nExamples:\n  oci2cfs measure os.cfs\n  oci2cfs measure --algorithm sha512 objects/*/*")
    .action(async (files: string[], flags: { algorithm?: string }) => {
      const algorithm: HashAlgorithm = parseAlgorithm(flags.algorithm) ?? "sha256";
      const { VerityHasher } = await import("../format/verity.ts");
      const buffer = Buffer.allocUnsafe(READ_SIZE);
      for (const file of files) {
        print(`${formatVerityDigest(measure(file, new VerityHasher(algorithm), buffer))} ${file}`);
      }
    });
}

function measure(file: string, hasher: VerityHasher, buffer: Buffer): VerityDigest {
  try {
    const fd = file === "-" ? 0 : openSync(file, "r");
    try {
      for (let count = readSync(fd, buffer); count > 0; count = readSync(fd, buffer)) hasher.update(buffer, 0, count);
    } finally {
      if (fd !== 0) closeSync(fd);
    }
  } catch (error) {
    throw withContext(file, error);
  }
  return hasher.digest();
}
