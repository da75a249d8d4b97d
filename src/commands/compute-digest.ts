// `oci2cfs compute-digest REF`: what `pull` would print, with nothing stored, no root and no Linux needed.

import type { Command } from "commander";
import { formatVerityDigest } from "../format/digest.ts";
import { addConversionOptions, type ConversionFlags, parseConversionOptions } from "./options.ts";
import { type GlobalOptions, print, printJson, type Session, wantsJson } from "./session.ts";

interface ComputeDigestFlags extends GlobalOptions, ConversionFlags {
  format?: string;
}

export function addComputeDigest(program: Command, session: Session): void {
  const command = program
    .command("compute-digest")
    .description("print the composefs digest of an image without storing anything")
    .argument("<reference>", "oci:DIR[:tag|@digest] or oci-archive:FILE[:tag]")
    .option("--format <format>", "text or json");
  addConversionOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  oci2cfs compute-digest oci:/srv/os:latest
  oci2cfs compute-digest --bootable --algorithm sha512 oci-archive:os.tar`,
    )
    .action(async (reference: string, _: unknown, self: Command) => {
      const flags = self.optsWithGlobals<ComputeDigestFlags>();
      const json = wantsJson(flags.format);
      const { computeDigest } = await import("../convert.ts");
      const { withProgress } = await import("./progress.ts");
      const conversion = await parseConversionOptions(flags);
      const result = await withProgress(flags, (onEvent) =>
        computeDigest(reference, { ...conversion, onEvent, signal: session.signal }),
      );
      if (!json) return print(formatVerityDigest(result.digest));
      printJson({ ...result, digest: formatVerityDigest(result.digest) });
    });
}
