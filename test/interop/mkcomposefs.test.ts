// Random dumps through a real mkcomposefs and through this project: the same bytes, or refused by both.
// OCI2CFS_DUMPS sets how many (500), OCI2CFS_SEED where the seeds start (0).

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Oci2cfsError } from "../../src/errors.ts";
import { parseDump } from "../../src/format/dump.ts";
import { type ErofsOptions, writeErofs } from "../../src/format/erofs/write.ts";
import { verityDigest } from "../../src/format/verity.ts";
import { type Scratch, titled, tool } from "./tools.ts";

const count = Number(process.env.OCI2CFS_DUMPS ?? 500);
const firstSeed = Number(process.env.OCI2CFS_SEED ?? 0);
const vectors = path.join(import.meta.dirname, "../vectors");

const profiles = [
  "mixed",
  "wide",
  "deep",
  "xattr",
  "symlink",
  "inline",
  "times",
  "hardlink",
  "whiteout",
  "big",
  "names",
  "oci",
  "tail",
  "escape",
];
const perProfile = Math.ceil(count / profiles.length);

const ranges: readonly { args: string; options: ErofsOptions }[] = [
  { args: "", options: { minVersion: 0, maxVersion: 1 } },
  { args: "--min-version=1", options: { minVersion: 1, maxVersion: 1 } },
  { args: "--min-version=0 --max-version=0", options: { minVersion: 0, maxVersion: 0 } },
];

const mkcomposefs = tool("mkcomposefs");
const info = tool("composefs-info");
const fsck = tool("fsck.erofs");
const hasPython = spawnSync("python3", ["--version"]).status === 0;
const generator = hasPython ? mkcomposefs : { found: undefined, skip: mkcomposefs.skip ?? "no python3 on PATH" };

/** One interpreter start for all dumps: `<profile>.<seed>.<range>.dump`. */
const generate = `
import sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
from gen_dump import Gen
first, count, ranges = map(int, sys.argv[2:5])
for profile in sys.argv[5:]:
    for seed in range(first, first + count):
        with open('%s.%d.%d.dump' % (profile, seed, seed % ranges), 'w') as out:
            out.write(Gen(seed, profile).run())
`;

/** For each dump of a range a line: its name, the image's sha256 and the digest that the tool prints. */
const buildAll = (directory: string, range: number): string => `
cd ${directory} || exit
for dump in *.${range}.dump; do
  [ -e "$dump" ] || continue
  if digest=$(mkcomposefs ${ranges[range]?.args ?? ""} --from-file --print-digest "$dump" image 2>/dev/null)
  then sum=$(sha256sum <image); echo "$dump \${sum%% *} $digest"
  else echo "$dump refused"
  fi
  rm -f image
done
`;

function readResults(output: Buffer, results: Map<string, string>): void {
  for (const line of output.toString("utf8").split("\n")) {
    const space = line.indexOf(" ");
    if (space > 0) results.set(line.slice(0, space), line.slice(space + 1));
  }
}

function buildOurs(dump: Buffer, options: ErofsOptions): string {
  try {
    const image = writeErofs(parseDump(dump), options);
    return `${createHash("sha256").update(image).digest("hex")} ${verityDigest(image, "sha256")}`;
  } catch (error) {
    if (error instanceof Oci2cfsError) return "refused";
    throw error;
  }
}

describe.skipIf(generator.skip !== undefined)(titled("mkcomposefs makes the same image", generator), () => {
  let scratch: Scratch | undefined;
  const theirs = new Map<string, string>();

  beforeAll(() => {
    if (mkcomposefs.found === undefined) return;
    scratch = mkcomposefs.found.scratch();
    const args = [path.join(vectors), `${firstSeed}`, `${perProfile}`, `${ranges.length}`, ...profiles];
    const made = spawnSync("python3", ["-c", generate, ...args], { cwd: scratch.outside, encoding: "utf8" });
    if (made.status !== 0) throw new Error(`gen_dump.py: ${made.stderr}`);
    for (let range = 0; range < ranges.length; range++) {
      readResults(mkcomposefs.found.shell(buildAll(scratch.inside, range)).stdout, theirs);
    }
  });

  afterAll(() => scratch?.remove());

  it.each(profiles)("for dumps of the profile %s", (profile) => {
    const names = [...theirs.keys()].filter((name) => name.startsWith(`${profile}.`));
    expect(names).toHaveLength(perProfile);
    const ours = names.map((name) => {
      const dump = readFileSync(path.join(scratch?.outside ?? "", name));
      const range = ranges[Number(name.split(".")[2])];
      return `${name} ${buildOurs(dump, range?.options ?? { minVersion: 0, maxVersion: 1 })}`;
    });
    expect(ours).toEqual(names.map((name) => `${name} ${theirs.get(name)}`));
  });

  it("refuses few of them", () => {
    const refused = [...theirs.values()].filter((result) => result === "refused");
    expect(refused.length).toBeLessThanOrEqual(Math.ceil(theirs.size / 20));
  });
});

const root = "/ 0 40755 2 0 0 0 1.0 - - -";
const long = (length: number): string => "n".repeat(length);
const digest = "ab".repeat(32);

/** Two copies of a file, some of whose xattrs sort before those that the writer adds, one between and the rest after. */
function manyShared(count: number): string {
  const names = Array.from({ length: count }, (_, index) => `${index % 2 === 0 ? "security" : "user"}.n${index}`);
  const xattrs = [...names.slice(1), "trusted.overlay.own"].map((name) => ` ${name}=v`).join("");
  return ["a", "b"].map((name) => `/${name} 100 100644 1 0 0 0 1.0 ab/cd - ${digest}${xattrs}`).join("\n");
}

/** What the generator never makes: claimed sizes, names and xattrs at their limits, hard links in odd places. */
const edges: Readonly<Record<string, string>> = {
  "a symlink that claims 5 GB": "/l 5000000000 120777 1 0 0 0 1.0 target - -",
  "a fifo that claims 5 GB": "/p 5000000000 10777 1 0 0 0 1.0 - - -",
  "a socket that claims 5 GB": "/s 5000000000 140777 1 0 0 0 1.0 - - -",
  "a block device that claims 5 GB": "/b 5000000000 60777 1 0 0 5 1.0 - - -",
  "a whiteout that claims 5 GB": "/w 5000000000 20777 1 0 0 0 1.0 - - -",
  "a directory that claims 5 GB": "/d 5000000000 40777 1 0 0 0 1.0 - - -",
  "a whiteout in a stub's place": "/00 0 20644 1 0 0 0 1.0 - - -",
  "a whiteout with several names": `/d 0 40755 2 0 0 0 1.0 - - -
/d/w 0 20000 2 0 0 0 1.0 - - -
/e 0 40755 2 0 0 0 1.0 - - -
/e/h 0 @20000 1 0 0 0 0.0 /d/w - -`,
  "a hard link in a stub's place": `/d 0 40755 2 0 0 0 1.0 - - -
/d/f 0 100000 2 0 0 0 1.0 - - -
/ab 0 @100000 1 0 0 0 0.0 /d/f - -`,
  "an empty file with a payload": "/f 0 100644 1 0 0 0 1.0 ab/cd - -",
  "the longest payload": `/f 100 100644 1 0 0 0 1.0 ${long(4095)} - -`,
  "the largest file": "/f 9007199254740992 100644 1 0 0 0 1.0 abc - -",
  "a file too large": "/f 9007199254740993 100644 1 0 0 0 1.0 abc - -",
  "the longest name to escape": `/f 0 100644 1 0 0 0 1.0 - - - trusted.overlay.${long(239)}=v`,
  "the most xattrs": `/f 0 100644 1 0 0 0 1.0 - - - user.a=${long(32742)}`,
  "one xattr byte too many": `/f 0 100644 1 0 0 0 1.0 - - - user.a=${long(32743)}`,
  "the most xattrs on an external file": `/f 100 100644 1 0 0 0 1.0 ${long(4000)} - ${digest} user.a=${long(32742)}`,
  "the user's own metacopy": `/f 100 100644 1 0 0 0 1.0 abc - ${digest} trusted.overlay.metacopy=z trusted.overlay.redirect=y`,
  "xattr names that are only a prefix": "/f 0 100644 1 0 0 0 1.0 - - - user.=v trusted.=q security.=s x=y",
  ...Object.fromEntries(
    [125, 126, 127, 128, 129].map((count) => [
      `${count} shared xattrs around metacopy and redirect`,
      manyShared(count),
    ]),
  ),
  "chunk arrays on both sides of a block": Array.from(
    { length: 40 },
    (_, index) =>
      `/f${index} ${8796093022208n * (1000n + BigInt(index % 25))} 100644 1 0 0 0 1.0 ${long(40 + index * 7)} - -`,
  ).join("\n"),
};

describe.skipIf(mkcomposefs.skip !== undefined)(titled("mkcomposefs agrees on", mkcomposefs), () => {
  let scratch: Scratch | undefined;
  const theirs = new Map<string, string>();
  const dumps = Object.entries(edges).map(([name, lines]) => [name, Buffer.from(`${root}\n${lines}\n`)] as const);

  beforeAll(() => {
    if (mkcomposefs.found === undefined) return;
    scratch = mkcomposefs.found.scratch();
    for (const [index, [, dump]] of dumps.entries()) writeFileSync(path.join(scratch.outside, `${index}.0.dump`), dump);
    readResults(mkcomposefs.found.shell(buildAll(scratch.inside, 0)).stdout, theirs);
  });

  afterAll(() => scratch?.remove());

  it.each(dumps.map(([name, dump], index) => ({ name, dump, index })))("$name", ({ dump, index }) => {
    expect(buildOurs(dump, { minVersion: 0, maxVersion: 1 })).toBe(theirs.get(`${index}.0.dump`));
  });
});

const goldenDumps = readdirSync(path.join(vectors, "dump")).filter((name) => name.endsWith(".dump"));

/** Our image of each golden dump, as `<name>.dump.img`. */
function writeGoldenImages(directory: string): void {
  for (const name of goldenDumps) {
    const tree = parseDump(readFileSync(path.join(vectors, "dump", name)));
    writeFileSync(path.join(directory, `${name}.img`), writeErofs(tree, { minVersion: 0, maxVersion: 1 }));
  }
}

/** composefs-info gives an inode to the first of its names, and reads two bytes past a redirect that has no padding. */
const notTheSame = ["hardlink-basic.dump", "hardlink-forward-deep.dump", "external-no-digest.dump"];

describe.skipIf(info.skip !== undefined)(titled("composefs-info", info), () => {
  it("reads from our images the trees that give them", () => {
    if (info.found === undefined) return;
    const scratch = info.found.scratch();
    try {
      writeGoldenImages(scratch.outside);
      info.found.shell(
        `cd ${scratch.inside} && for image in *.img; do composefs-info dump "$image" >"$image.dump"; done`,
      );
      const names = goldenDumps.filter((name) => !notTheSame.includes(name));
      const different = names.filter((name) => {
        const tree = parseDump(readFileSync(path.join(scratch.outside, `${name}.img.dump`)));
        const image = readFileSync(path.join(scratch.outside, `${name}.img`));
        return !writeErofs(tree, { minVersion: 0, maxVersion: 1 }).equals(image);
      });
      expect(different).toEqual([]);
    } finally {
      scratch.remove();
    }
  });
});

describe.skipIf(fsck.skip !== undefined)(titled("fsck.erofs", fsck), () => {
  it("finds no fault in our images", () => {
    if (fsck.found === undefined) return;
    const scratch = fsck.found.scratch();
    try {
      writeGoldenImages(scratch.outside);
      const check = 'fsck.erofs "$image" >out 2>&1 && echo "$image" || { echo "$image:"; cat out; }';
      const { stdout } = fsck.found.shell(`cd ${scratch.inside} && for image in *.img; do ${check}; done`);
      expect(stdout.toString("utf8").trim().split("\n").sort()).toEqual(
        goldenDumps.map((name) => `${name}.img`).sort(),
      );
    } finally {
      scratch.remove();
    }
  });
});
