// `oci2cfs ls NAME [PATH]`: looks inside an image without mounting it.

import type { Command } from "commander";
import { Oci2cfsError } from "../errors.ts";
import { encodeText, printable } from "../format/bytes.ts";
import { type Directory, deviceMajor, deviceMinor, type Leaf } from "../format/node.ts";
import { inodeOf, lookup, sortedNames } from "../tree/walk.ts";
import { loadImage } from "./load-image.ts";
import { type GlobalOptions, print, printJson, wantsJson } from "./session.ts";
import { formatTable } from "./text.ts";

interface LsFlags extends GlobalOptions {
  format?: string;
}

export function addLs(program: Command): void {
  program
    .command("ls")
    .description("list a directory of an image")
    .argument("<image>", "a tag, @sha256:<digest> of a manifest, or a composefs digest")
    .argument("[path]", "a file or directory inside", "/")
    .option("--format <format>", "text or json")
    .addHelpText(
      "after",
      "\nExamples:\n  oci2cfs ls oci:/srv/os:latest /usr/lib/modules\n  oci2cfs ls --format json stable /etc",
    )
    .action(async (image: string, path: string, _: unknown, self: Command) => {
      const flags = self.optsWithGlobals<LsFlags>();
      const json = wantsJson(flags.format);
      const entries = listPath(await loadImage(image, { ...flags, file: false }), path);
      if (json) printJson({ path, entries: entries.map(([name, node]) => ({ name, ...describe(node) })) });
      else if (entries.length > 0) print(formatTable(...toTable(entries)));
    });
}

type Entry = readonly [name: string, node: Directory | Leaf];

/** @throws Oci2cfsError `not-found` */
function listPath(root: Directory, path: string): Entry[] {
  const found = lookup(root, encodeText(path));
  if (found === undefined) throw new Oci2cfsError("not-found", `${path}: not in the image`);
  const node = inodeOf(found);
  if (node.kind !== "directory") return [[path, node]];
  const { children } = node;
  return sortedNames(node).flatMap((name) => {
    const child = children.get(name);
    return child === undefined ? [] : [[printable(name), inodeOf(child)] as const];
  });
}

function sizeOf(node: Directory | Leaf): number {
  if (node.kind === "regular") return node.size;
  return node.kind === "symlink" ? node.target.length : 0;
}

function describe(node: Directory | Leaf): Readonly<Record<string, unknown>> {
  return {
    type: node.kind,
    mode: (node.mode & 0o7777).toString(8).padStart(4, "0"),
    uid: node.uid,
    gid: node.gid,
    size: sizeOf(node),
    mtime: Number(node.mtimeSec),
    ...(node.kind === "symlink" ? { target: printable(node.target) } : {}),
    ...(node.kind === "regular" && node.digest !== undefined ? { digest: node.digest } : {}),
    ...(node.xattrs.size === 0 ? {} : { xattrs: [...node.xattrs.keys()].map(printable).sort() }),
  };
}

const typeLetters = { directory: "d", regular: "-", symlink: "l", character: "c", block: "b", fifo: "p", socket: "s" };

/** `-rwsr-xr-x`, as ls(1). */
function formatMode(node: Directory | Leaf): string {
  const letters = [..."rwxrwxrwx"].map((letter, bit) => ((node.mode >> (8 - bit)) & 1 ? letter : "-"));
  for (const [bit, position, letter] of [
    [0o4000, 2, "s"],
    [0o2000, 5, "s"],
    [0o1000, 8, "t"],
  ] as const) {
    if (node.mode & bit) letters[position] = letters[position] === "-" ? letter.toUpperCase() : letter;
  }
  return typeLetters[node.kind] + letters.join("");
}

function toTable(entries: readonly Entry[]): [string[], string[][]] {
  const rows = entries.map(([name, node]) => [
    formatMode(node),
    String(node.uid),
    String(node.gid),
    node.kind === "character" || node.kind === "block"
      ? `${deviceMajor(node.rdev)},${deviceMinor(node.rdev)}`
      : String(sizeOf(node)),
    node.kind === "symlink" ? `${name} -> ${printable(node.target)}` : name,
  ]);
  return [["MODE", "UID", "GID", "SIZE", "NAME"], rows];
}
