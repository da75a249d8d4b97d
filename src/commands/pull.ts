// `oci2cfs pull REF [NAME]`: an image from a source becomes objects, layer records and a composefs image in the store.

import type { Command } from "commander";
import { formatVerityDigest } from "../format/digest.ts";
import { addConversionOptions, type ConversionFlags, parseConversionOptions } from "./options.ts";
import { type GlobalOptions, print, printJson, repositoryPath, type Session, wantsJson } from "./session.ts";

interface PullFlags extends GlobalOptions, ConversionFlags {
  format?: string;
}

export function addPull(program: Command, session: Session): void {
  const command = program
    .command("pull")
    .description("import an image into the repository and print its composefs digest")
    .argument("<reference>", "oci:DIR[:tag|@digest] or oci-archive:FILE[:tag]")
    .argument("[name]", "the tag to give it (default: the reference)")
    .option("--format <format>", "text or json");
  addConversionOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  oci2cfs pull oci:/srv/os:latest
  oci2cfs pull --repo ./cfs oci-archive:os.tar os
  oci2cfs pull --platform linux/arm64 --algorithm sha512 oci:/srv/os:latest`,
    )
    .action(async (reference: string, name: string | undefined, _: unknown, self: Command) => {
      const flags = self.optsWithGlobals<PullFlags>();
      const json = wantsJson(flags.format);
      const { pull } = await import("../convert.ts");
      const { withProgress } = await import("./progress.ts");
      const conversion = await parseConversionOptions(flags);
      const result = await withProgress(flags, (onEvent) =>
        pull(reference, {
          ...conversion,
          repository: repositoryPath(flags),
          ...(name === undefined ? {} : { name }),
          onEvent,
          signal: session.signal,
        }),
      );
      if (!json) return print(formatVerityDigest(result.digest));
      printJson({ ...result, digest: formatVerityDigest(result.digest) });
    });
}
