// The oracle of the interop tests on trees made by hand: it must see every difference that counts.

import { chmodSync, linkSync, lutimesSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bytes65, bytes4097 } from "../../oci-fixtures/contents.ts";
import { stored } from "../../oci-fixtures/fixture.ts";
import { hostTool, titled } from "../interop/tools.ts";
import { treeDump } from "./tree-dump.ts";

const python = hostTool("python3");

describe.skipIf(python.skip !== undefined)(titled("tree-dump", python), () => {
  let root: string;
  const at = (name: string): string => path.join(root, name);
  const names = [
    "run/lock",
    "run",
    "usr/dash",
    "usr/-",
    "usr/link",
    "usr/hard",
    "usr/b",
    "usr/a",
    "usr/large",
    "usr",
    "",
  ];
  const owner = `${process.getuid?.()} ${process.getgid?.()}`;

  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), "oci2cfs-tree-"));
    mkdirSync(at("usr"));
    mkdirSync(at("run"));
    writeFileSync(at("run/lock"), "1");
    writeFileSync(at("usr/a"), bytes65.bytes);
    writeFileSync(at("usr/b"), "a=b c\\\n");
    writeFileSync(at("usr/large"), bytes4097.bytes);
    writeFileSync(at("usr/-"), "-");
    linkSync(at("usr/a"), at("usr/hard"));
    symlinkSync("to here", at("usr/link"));
    symlinkSync("-", at("usr/dash"));
    for (const name of ["usr/a", "usr/b", "usr/large", "usr/-", "run/lock"]) chmodSync(at(name), 0o644);
    for (const name of ["usr", "run", ""]) chmodSync(at(name), 0o755);
    for (const name of names) lutimesSync(at(name), 1000, name === "usr" ? 2000.5 : 1000);
  });

  afterEach(() => rmSync(root, { recursive: true }));

  const lines = (): string[] => treeDump(root).toString().split("\n");

  it("writes a tree down in depth-first order", () => {
    expect(lines()).toEqual([
      `/ 0 40755 2 ${owner} 0 1000.0 - - -`,
      `/run 0 40755 2 ${owner} 0 1000.0 - - -`,
      `/run/lock 1 100644 1 ${owner} 0 1000.0 - 1 -`,
      `/usr 0 40755 2 ${owner} 0 2000.500000000 - - -`,
      `/usr/- 1 100644 1 ${owner} 0 1000.0 - \\x2d -`,
      `/usr/a 65 100644 2 ${owner} 0 1000.0 ${stored(bytes65)}`,
      `/usr/b 7 100644 1 ${owner} 0 1000.0 - a=b\\x20c\\\\\\n -`,
      `/usr/dash 1 120777 1 ${owner} 0 1000.0 \\x2d - -`,
      "/usr/hard 0 @100644 - - - - 0.0 /usr/a - -",
      `/usr/large 4097 100644 1 ${owner} 0 1000.0 ${stored(bytes4097)}`,
      `/usr/link 7 120777 1 ${owner} 0 1000.0 to\\x20here - -`,
      "",
    ]);
  });

  it("applies what a converted image differs in", () => {
    const dump = treeDump(root, "allowlist").toString().split("\n");
    expect(dump.slice(0, 3)).toEqual([
      `/ 0 40755 2 ${owner} 0 2000.500000000 - - -`,
      `/run 0 40755 2 ${owner} 0 2000.500000000 - - -`,
      `/usr 0 40755 2 ${owner} 0 2000.500000000 - - -`,
    ]);
    rmSync(at("usr"), { recursive: true });
    expect(treeDump(root, "all").toString().split("\n")).toEqual([
      "/ 0 40755 2 0 0 0 0.0 - - -",
      `/run 0 40755 2 ${owner} 0 0.0 - - -`,
      "",
    ]);
  });

  it.each<[string, () => void]>([
    ["a mode", () => chmodSync(at("usr/b"), 0o600)],
    ["a time's nanoseconds", () => lutimesSync(at("usr/b"), 1000, 1000.25)],
    [
      "one byte of a large file",
      () => {
        const changed = Buffer.from(bytes4097.bytes);
        changed.writeUInt8(1, 4096);
        writeFileSync(at("usr/large"), changed);
        lutimesSync(at("usr/large"), 1000, 1000);
      },
    ],
    [
      "a link that became a copy",
      () => {
        rmSync(at("usr/hard"));
        writeFileSync(at("usr/hard"), bytes65.bytes, { mode: 0o644 });
        lutimesSync(at("usr/hard"), 1000, 1000);
        lutimesSync(at("usr"), 1000, 2000.5);
      },
    ],
    [
      "a symlink's target",
      () => {
        rmSync(at("usr/link"));
        symlinkSync("elsewhere", at("usr/link"));
        lutimesSync(at("usr/link"), 1000, 1000);
        lutimesSync(at("usr"), 1000, 2000.5);
      },
    ],
  ])("shows %s", (_, change) => {
    const before = lines();
    change();
    expect(lines()).not.toEqual(before);
  });
});
