// What the tests of the store share: directories of their own, other processes, and digests.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { HashAlgorithm, OciDigest, VerityDigest } from "../../src/format/digest.ts";
import { verityDigest } from "../../src/format/verity.ts";

const compiled = path.join(import.meta.dirname, "../../dist/src");

/** A new directory; `remove` belongs in `afterAll`. */
export function scratch(name: string): { readonly path: string; next(): string; remove(): void } {
  const directory = mkdtempSync(path.join(tmpdir(), `oci2cfs-${name}-`));
  let count = 0;
  return {
    path: directory,
    next: () => path.join(directory, String(++count)),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

export function contentOf(seed: number, size = 100): { content: Buffer; digest: VerityDigest } {
  const content = Buffer.alloc(size, `content ${seed} `);
  return { content, digest: verityDigest(content, "sha256") };
}

export const digestOf = (content: Buffer, algorithm: HashAlgorithm = "sha256"): VerityDigest =>
  verityDigest(content, algorithm);

export const ociDigest = (byte: number): OciDigest =>
  `sha256:${byte.toString(16).padStart(2, "0").repeat(32)}` as OciDigest;

/** All objects of a repository, by name, and whether each is what it is called. */
export function readObjects(repository: string, algorithm: HashAlgorithm = "sha256"): Map<string, Buffer> {
  const objects = new Map<string, Buffer>();
  for (const directory of readdirSync(path.join(repository, "objects"))) {
    for (const name of readdirSync(path.join(repository, "objects", directory))) {
      const content = readFileSync(path.join(repository, "objects", directory, name));
      if (verityDigest(content, algorithm) !== directory + name)
        throw new Error(`object ${directory}${name} is damaged`);
      objects.set(directory + name, content);
    }
  }
  return objects;
}

/** Another content under the same name. What has fs-verity cannot be changed in place. */
export function replaceFile(file: string, content: string | Buffer): void {
  rmSync(file);
  writeFileSync(file, content);
}

export const temporaryFiles = (repository: string): string[] => readdirSync(path.join(repository, "tmp"));

export interface OtherProcess {
  readonly child: ChildProcessWithoutNullStreams;
  /** The next line that it prints. */
  line(): Promise<string>;
  /** Ends its standard input. */
  proceed(): void;
  /** Its exit status, or the signal's name. */
  ended(): Promise<number | string>;
}

/**
 * Runs a module's text in another Node: `at(file)` in it imports a source file by its name without the suffix,
 * `print(line)` and `await proceed()` speak with the test.
 */
export function otherProcess(script: string, options: { uid?: number } = {}): OtherProcess {
  const prelude = `
    const at = (file) => import(${JSON.stringify(`file://${compiled}/`)} + file + ".js");
    const print = (line) => process.stdout.write(line + "\\n");
    const proceed = () => new Promise((resolve) => process.stdin.resume().on("end", resolve));
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", prelude + script], {
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  const lines: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  let rest = "";
  let said = "";
  child.stderr.on("data", (bytes: Buffer) => {
    said += bytes.toString();
  });
  const give = (line: string): void => {
    const next = waiting.shift();
    if (next === undefined) lines.push(line);
    else next(line);
  };
  child.stdout.on("data", (bytes: Buffer) => {
    const parts = (rest + bytes.toString()).split("\n");
    rest = parts.pop() ?? "";
    parts.forEach(give);
  });
  const ended = new Promise<number | string>((resolve) => {
    child.on("close", (code, signal) => {
      give(`ended: ${said}`);
      resolve(code ?? signal ?? "nothing");
    });
  });
  return {
    child,
    line: () => {
      const line = lines.shift();
      return line === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(line);
    },
    proceed: () => child.stdin.end(),
    ended: () => ended,
  };
}
