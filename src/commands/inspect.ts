// `oci2cfs inspect NAME`: all that the repository knows of one image.

import type { Command } from "commander";
import { formatVerityDigest } from "../format/digest.ts";
import { type GlobalOptions, print, printJson, wantsJson } from "./session.ts";
import { formatSize } from "./text.ts";
import { withImages } from "./with-images.ts";

interface InspectFlags extends GlobalOptions {
  format?: string;
}

export function addInspect(program: Command): void {
  program
    .command("inspect")
    .description("show one image: manifest, layers, labels and composefs digests")
    .argument("<name>", "a tag, or @sha256:<digest> of a manifest")
    .option("--format <format>", "text or json")
    .addHelpText("after", "\nExamples:\n  oci2cfs inspect stable\n  oci2cfs inspect --format json oci:/srv/os:latest")
    .action(async (name: string, _: unknown, self: Command) => {
      const flags = self.optsWithGlobals<InspectFlags>();
      const json = wantsJson(flags.format);
      await withImages(flags, "read", ({ images }) => {
        const { manifestDigest, manifest, configDigest, config, variants } = images.find(name);
        const layers = manifest.layers.map((layer, index) => ({
          digest: layer.digest,
          diffId: config.rootfs.diff_ids[index] ?? null,
          mediaType: layer.mediaType,
          size: layer.size,
        }));
        const composefs = [...variants].map(([variant, digest]) => ({ variant, digest: formatVerityDigest(digest) }));
        if (json) {
          const { architecture, os, created } = config;
          const labels = config.config?.Labels ?? {};
          printJson({ name, manifestDigest, configDigest, architecture, os, created, labels, layers, composefs });
          return;
        }
        print(`Name:      ${name}`);
        print(`Manifest:  ${manifestDigest}`);
        print(`Config:    ${configDigest}`);
        print(`Platform:  ${config.os}/${config.architecture}`);
        if (config.created !== undefined) print(`Created:   ${config.created}`);
        for (const { variant, digest } of composefs) print(`Composefs: ${digest} (${variant})`);
        layers.forEach((layer, index) => {
          print(`Layer ${index + 1}:   ${layer.digest} ${formatSize(layer.size)} ${layer.mediaType}`);
        });
      });
    });
}
