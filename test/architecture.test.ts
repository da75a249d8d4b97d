// Keeps the import rules of docs/design.md: who may import whom, one home for each dependency, no cycles, file sizes.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";

const source = path.join(import.meta.dirname, "../src");

interface SourceFile {
  /** Path below src/. */
  name: string;
  text: string;
  /** What it imports: paths below src/, or package names. Lazy `import()` counts as well. */
  imports: { target: string; typeOnly: boolean; lazy: boolean }[];
}

function readSources(): SourceFile[] {
  return readdirSync(source, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => {
      const text = readFileSync(path.join(source, name), "utf8");
      const found = text.matchAll(
        /(?:^|\n)(import|export) (type )?(?:[^;]*? from )?"([^"]+)"|(?:import|require\.resolve)\("([^"]+)"\)/g,
      );
      const imports = [...found].map((match) => {
        const specifier = match[3] ?? match[4] ?? "";
        const local = specifier.startsWith(".");
        return {
          target: local ? path.posix.normalize(path.posix.join(path.posix.dirname(name), specifier)) : specifier,
          typeOnly: match[2] !== undefined,
          lazy: match[4] !== undefined,
        };
      });
      return { name, text, imports };
    });
}

const files = readSources();

/** The part a file belongs to: its folder, or its own name at the top. */
function partOf(name: string): string {
  const [first = "", second] = name.split("/");
  return second === undefined ? first.replace(/\.ts$/, "") : first;
}

const everybody = ["errors", "log", "version"];
const core = ["format", "tree", "sys"];
const allowed: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  log: [],
  version: [],
  format: [],
  tree: ["format"],
  sys: [],
  source: core,
  store: core,
  ingest: [...core, "store"],
  compose: [...core, "ingest"],
  convert: [...core, "source", "ingest", "store", "compose"],
  index: [...core, "source", "ingest", "store", "compose", "convert"],
  commands: [...core, "source", "ingest", "store", "compose", "convert"],
  cli: ["commands"],
};

describe("architecture", () => {
  it("has a rule for each part", () => {
    const parts = new Set(files.map((file) => partOf(file.name)));
    expect([...parts].filter((part) => allowed[part] === undefined)).toEqual([]);
  });

  it("imports only what the rules allow", () => {
    const broken = files.flatMap((file) => {
      const part = partOf(file.name);
      return file.imports
        .filter(({ target }) => target.endsWith(".ts"))
        .filter(({ target }) => ![part, ...everybody, ...(allowed[part] ?? [])].includes(partOf(target)))
        .map(({ target }) => `${file.name} → ${target}`);
    });
    expect(broken).toEqual([]);
  });

  it("keeps the formats pure: no file system, network, clock or environment", () => {
    const broken = files
      .filter((file) => partOf(file.name) === "format" || partOf(file.name) === "tree")
      .flatMap((file) => [
        ...file.imports
          .filter(({ target }) => !target.endsWith(".ts") && !["node:crypto", "valibot"].includes(target))
          .map(({ target }) => `${file.name} → ${target}`),
        ...(/\bDate\.now|new Date\(\)|process\.(?:env|cwd|hrtime)|\bperformance\./.test(file.text)
          ? [`${file.name} asks the clock or the environment`]
          : []),
      ]);
    expect(broken).toEqual([]);
  });

  it("gives each dependency one home", () => {
    const homes: Readonly<Record<string, readonly string[]>> = {
      koffi: ["sys/linux.ts"],
      execa: ["sys/exec.ts"],
      "zstd-napi": ["ingest/decompress.ts", "store/streams.ts"],
      commander: ["cli.ts", "commands"],
      valibot: ["format"],
    };
    const broken = files.flatMap((file) =>
      file.imports
        .filter(({ target }) => !target.endsWith(".ts") && !target.startsWith("node:"))
        .filter(({ target }) => {
          const home = homes[target.split("/")[0] ?? ""];
          return home === undefined || !home.some((place) => file.name === place || file.name.startsWith(`${place}/`));
        })
        .map(({ target }) => `${file.name} → ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it("loads what is heavy or Linux-only when it is needed", () => {
    const eager = (name: string, seen = new Set<string>()): Set<string> => {
      if (seen.has(name)) return seen;
      seen.add(name);
      const file = files.find((candidate) => candidate.name === name);
      for (const { target, typeOnly, lazy } of file?.imports ?? []) {
        if (!typeOnly && !lazy) eager(target, seen);
      }
      return seen;
    };
    const atStart = [...eager("cli.ts")].filter((name) => !name.endsWith(".ts") && !name.startsWith("node:"));
    expect(atStart).toEqual(["commander"]);
    expect([...eager("convert.ts")]).not.toContain("koffi");
    expect([...eager("convert.ts")]).not.toContain("execa");
  });

  it("has no import cycles", () => {
    const cycles: string[] = [];
    const state = new Map<string, "open" | "done">();
    const visit = (name: string, trail: readonly string[]): void => {
      if (state.get(name) === "done") return;
      if (state.get(name) === "open") {
        cycles.push([...trail.slice(trail.indexOf(name)), name].join(" → "));
        return;
      }
      state.set(name, "open");
      const file = files.find((candidate) => candidate.name === name);
      for (const { target, typeOnly } of file?.imports ?? []) {
        if (!typeOnly && target.endsWith(".ts")) visit(target, [...trail, name]);
      }
      state.set(name, "done");
    };
    for (const file of files) visit(file.name, []);
    expect(cycles).toEqual([]);
  });

  it("ends the process in one place", () => {
    const others = files.filter((file) => file.name !== "cli.ts" && file.text.includes("process.exit"));
    expect(others.map((file) => file.name)).toEqual([]);
  });

  it("keeps files to one idea: a first comment, 400 lines at most, no default exports", () => {
    const broken = files.flatMap((file) => [
      ...(/^(?:#!.*\n)?\/\/ /.test(file.text) ? [] : [`${file.name}: no first comment`]),
      ...(file.text.split("\n").length > 401 ? [`${file.name}: too long`] : []),
      ...(/^export default/m.test(file.text) ? [`${file.name}: default export`] : []),
    ]);
    expect(broken).toEqual([]);
  });
});
