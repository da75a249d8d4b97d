// What a command costs: CPU of its whole process tree, wall time, and the largest resident set of any one process, by
// time(1), which asks wait4(2).

import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";

export interface Cost {
  /** User and system time of all processes, seconds. */
  readonly cpu: number;
  readonly wall: number;
  /** MiB */
  readonly rss: number;
  readonly stdout: string;
}

/** @throws Error with what the command said when it fails. */
export function measure(work: string, command: readonly string[], env: NodeJS.ProcessEnv = {}): Cost {
  const report = path.join(work, "time");
  const result = spawnSync("/usr/bin/time", ["-f", "%U %S %e %M", "-o", report, "--", ...command], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    env: { ...process.env, ...env },
  });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0) throw new Error(`${command.join(" ")}: ${result.stderr.slice(-2000)}`);
  const [user = 0, system = 0, wall = 0, rss = 0] =
    readFileSync(report, "utf8").trim().split("\n").at(-1)?.split(" ").map(Number) ?? [];
  rmSync(report);
  return { cpu: user + system, wall, rss: rss / 1024, stdout: result.stdout };
}
