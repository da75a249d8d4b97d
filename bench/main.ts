// `npm run bench -- [--scale 0.1] [--rounds 3] [--dir DIR] [--json FILE] [--svg FILE]`: rounds of all contenders one after the
// other, so that a noisy machine is noisy to all of them; ratios are taken within a round. docs/performance.md explains.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { type Contender, contenders, missing } from "./contenders.ts";
import { type BenchImage, makeImage } from "./image.ts";
import { type Cost, measure } from "./measure.ts";
import { formatChart, formatTable, median, type Result } from "./report.ts";

const { values } = parseArgs({
  options: {
    scale: { type: "string", default: "0.1" },
    rounds: { type: "string", default: "3" },
    dir: { type: "string" },
    json: { type: "string" },
    svg: { type: "string" },
  },
});
const scale = Number(values.scale);
const rounds = Number(values.rounds);
if (!(scale > 0 && scale <= 2) || !(rounds >= 1)) throw new Error("--scale is a number up to 2, --rounds at least 1");

// Memory as medium: a shared disk would measure its other users.
const medium = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
const directory = values.dir ?? mkdtempSync(path.join(medium, "oci2cfs-bench-"));
const root = process.env.OCI2CFS_SID || undefined;
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

async function prepareImage(): Promise<BenchImage> {
  const layout = path.join(directory, `image-${scale}`);
  const facts = `${layout}.json`;
  if (existsSync(facts)) return JSON.parse(readFileSync(facts, "utf8")) as BenchImage;
  say(`making an image at scale ${scale} …`);
  rmSync(layout, { recursive: true, force: true });
  const image = await makeImage(layout, scale);
  writeFileSync(facts, JSON.stringify(image));
  return image;
}

function layersOf(image: BenchImage, tag: string): string {
  const read = (digest: string): Record<string, never> => JSON.parse(readFileSync(blobOf(image, digest), "utf8"));
  const index = JSON.parse(readFileSync(path.join(image.layout, "index.json"), "utf8"));
  const entry = index.manifests.find((manifest: { annotations: Record<string, string> }) =>
    Object.values(manifest.annotations).includes(tag),
  );
  const { layers } = read(entry.digest) as unknown as { layers: { digest: string }[] };
  return layers.map(({ digest }) => blobOf(image, digest)).join(" ");
}

function blobOf(image: BenchImage, digest: string): string {
  return path.join(image.layout, "blobs", digest.replace(":", "/"));
}

/** In a root of another distribution the same paths are seen through a bind mount, in a mount namespace of its own. */
function commandFor(contender: Contender): string[] {
  if (contender.inRoot !== true || root === undefined) return ["sh", "-ec", contender.script];
  const enter = `mkdir -p "${root}$BENCH" && mount --bind "$BENCH" "${root}$BENCH" && mount -t proc proc "${root}/proc" && exec chroot "${root}" sh -ec "$1"`;
  return ["unshare", "-m", "sh", "-ec", enter, "sh", contender.script];
}

function run(contender: Contender, environment: NodeJS.ProcessEnv): Cost {
  if (contender.before !== undefined)
    execFileSync("sh", ["-ec", contender.before], { env: { ...process.env, ...environment } });
  return measure(directory, commandFor(contender), environment);
}

function objectNames(store: string): Set<string> {
  return new Set(
    readdirSync(store, { recursive: true, encoding: "utf8" }).filter((name) =>
      /^[0-9a-f]{2}\/[0-9a-f]{62}$/.test(name),
    ),
  );
}

/** Every round proves that the same work was done: one digest, and no object of mkcomposefs's that we lack. */
function check(costs: ReadonlyMap<string, Cost>, work: string): void {
  const digests = new Set(contenders.slice(0, 5).map(({ name }) => costs.get(name)?.stdout.trim()));
  if (digests.size !== 1) throw new Error(`digests differ: ${[...digests].join(", ")}`);
  const theirs = path.join(work, "umoci/objects");
  if (!costs.has("umoci unpack + mkcomposefs") || !existsSync(theirs)) return;
  const ours = objectNames(path.join(work, "gzip/objects"));
  const lacking = [...objectNames(theirs)].filter((name) => !ours.has(name));
  if (lacking.length > 0)
    throw new Error(`${lacking.length} objects of mkcomposefs are not in our store: ${lacking[0]}`);
}

const image = await prepareImage();
const work = path.join(directory, "work");
mkdirSync(work, { recursive: true });
const environment = {
  BENCH: directory,
  LAYOUT: image.layout,
  WORK: work,
  LAYERS_GZIP: layersOf(image, "gzip"),
  LAYERS_ZSTD: layersOf(image, "zstd"),
  LAYERS_PLAIN: layersOf(image, "plain"),
};
const mebi = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
say(
  `${image.entries} tar entries, ${mebi(image.tarBytes)} of tar, ${mebi(image.gzipBytes)} gzip, ${mebi(image.zstdBytes)} zstd`,
);

const able = contenders.filter(({ name, needs, inRoot }) => {
  const lacking = needs
    .map((program) => missing(program, inRoot === true ? root : undefined))
    .filter((hint) => hint !== undefined);
  if (lacking.length > 0) say(`left out: ${name}; needs ${lacking.join(", ")}`);
  return lacking.length === 0;
});
const costs = new Map<string, Cost[]>(able.map(({ name }) => [name, []]));
let busy = false;
for (let round = 1; round <= rounds; round++) {
  const load = loadavg()[0] ?? 0;
  busy ||= round === 1 && load > availableParallelism() / 2;
  say(`round ${round}/${rounds}, load ${load.toFixed(2)}`);
  const thisRound = new Map<string, Cost>();
  for (const contender of able) {
    const cost = run(contender, environment);
    thisRound.set(contender.name, cost);
    costs.get(contender.name)?.push(cost);
  }
  check(thisRound, work);
}

const reference = costs.get(contenders[0]?.name ?? "") ?? [];
const results: Result[] = able.map(({ name, group }) => {
  const own = costs.get(name) ?? [];
  const ratio = (select: (cost: Cost) => number): number =>
    median(own.map((cost, round) => select(cost) / Math.max(0.01, select(reference[round] as Cost))));
  return {
    name,
    group,
    cpu: median(own.map(({ cpu }) => cpu)),
    wall: median(own.map(({ wall }) => wall)),
    rss: Math.max(...own.map(({ rss }) => rss)),
    cpuRatio: ratio(({ cpu }) => cpu),
    wallRatio: ratio(({ wall }) => wall),
  };
});
say(`\n${formatTable(results)}\n`);
say("Medians over the rounds; ratios to the first line, taken within each round. Digests and object sets agree.");
if (busy) say("The machine was busy when this began: the wall times say nothing.");
const { layout: _, ...facts } = image;
if (values.json !== undefined)
  writeFileSync(
    values.json,
    `${JSON.stringify({ version: 1, scale, rounds, busy, image: facts, results }, null, 2)}\n`,
  );
if (values.svg !== undefined) {
  writeFileSync(
    values.svg,
    formatChart(results, `CPU seconds, ${image.entries} entries, ${mebi(image.tarBytes)} of tar`),
  );
}
rmSync(values.dir === undefined ? directory : work, { recursive: true, force: true });
