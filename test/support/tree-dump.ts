// Runs tree-dump.py: Node can read no xattrs.

import { spawnSync } from "node:child_process";
import path from "node:path";

const script = path.join(import.meta.dirname, "tree-dump.py");

/** @param mode as `--oci`: the tree as a converted image shows it. */
export function treeDump(directory: string, mode?: "allowlist" | "keep-user" | "all"): Buffer {
  const args = [script, ...(mode === undefined ? [] : ["--oci", mode]), directory];
  const result = spawnSync("python3", args, { maxBuffer: 2 ** 30 });
  if (result.status !== 0) throw new Error(`tree-dump.py: ${result.stderr?.toString() ?? result.error?.message}`);
  return result.stdout;
}
