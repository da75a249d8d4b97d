// The options that say how an image is converted, shared by every verb that converts.

import type { Command } from "commander";
import type { ConversionOptions } from "../convert.ts";
import { Oci2cfsError } from "../errors.ts";
import type { HashAlgorithm } from "../format/digest.ts";
import type { Platform } from "../format/oci.ts";

export interface ConversionFlags {
  algorithm?: string;
  erofsVersion?: string;
  bootable?: boolean;
  xattrs?: string;
  compat?: string;
  platform?: string;
  os?: string;
  arch?: string;
  variant?: string;
}

export function addConversionOptions(command: Command): Command {
  return command
    .option("--algorithm <hash>", "fs-verity hash: sha256 or sha512 (default: the repository's, sha256 for a new one)")
    .option("--erofs-version <n>", "composefs image version 0 or 1 (default: 1, as cfsctl and bootc)")
    .option("--bootable", "empty /boot and /sysroot, as for an image that is booted")
    .option("--xattrs <mode>", "allowlist (security.capability only), keep-user or all (default: allowlist)")
    .option("--compat <tool>", "composefs-rs: give its digest exactly, or refuse where it refuses")
    .option("--platform <os/arch[/variant]>", "which image of an index to take (default: this machine's)")
    .option("--os <os>", "the operating system part of --platform")
    .option("--arch <arch>", "the architecture part of --platform")
    .option("--variant <variant>", "the variant part of --platform");
}

/** @throws Oci2cfsError `usage` naming the option and its choices. */
export async function parseConversionOptions(flags: ConversionFlags): Promise<ConversionOptions> {
  const algorithm = parseAlgorithm(flags.algorithm);
  const erofsVersion = choice("--erofs-version", flags.erofsVersion, ["0", "1"] as const);
  return {
    ...(algorithm === undefined ? {} : { algorithm }),
    erofsVersion: erofsVersion === "0" ? 0 : 1,
    bootable: flags.bootable === true,
    xattrs: choice("--xattrs", flags.xattrs, ["allowlist", "keep-user", "all"] as const) ?? "allowlist",
    compat: choice("--compat", flags.compat, ["composefs-rs"] as const) ?? "native",
    platform: await parsePlatformFlags(flags),
  };
}

/** @throws Oci2cfsError `usage` */
export function parseAlgorithm(value: string | undefined): HashAlgorithm | undefined {
  return choice("--algorithm", value, ["sha256", "sha512"] as const);
}

/** `--platform` whole, or its parts over what this machine is. */
async function parsePlatformFlags(flags: ConversionFlags): Promise<Platform> {
  const { formatPlatform, hostPlatform, parsePlatform } = await import("../format/oci.ts");
  const parts = [flags.os, flags.arch, flags.variant];
  if (flags.platform !== undefined) {
    if (parts.some((part) => part !== undefined)) {
      throw new Oci2cfsError("usage", "--platform and --os, --arch or --variant exclude each other");
    }
    return parsePlatform(flags.platform);
  }
  const host = hostPlatform();
  const variant = flags.variant ?? (flags.arch === undefined ? host.variant : undefined);
  return parsePlatform(
    formatPlatform({
      os: flags.os ?? host.os,
      architecture: flags.arch ?? host.architecture,
      ...(variant === undefined ? {} : { variant }),
    }),
  );
}

function choice<const T extends string>(
  option: string,
  value: string | undefined,
  choices: readonly T[],
): T | undefined {
  if (value === undefined) return undefined;
  const found = choices.find((candidate) => candidate === value);
  if (found === undefined) {
    throw new Oci2cfsError("usage", `${option} does not take "${value}"`, { hint: `it takes ${choices.join(", ")}` });
  }
  return found;
}
