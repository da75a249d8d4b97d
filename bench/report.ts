// Results for people and programs: a table, and an SVG chart of CPU time.

import type { Contender } from "./contenders.ts";

export interface Result {
  readonly name: string;
  readonly group: Contender["group"];
  readonly cpu: number;
  readonly wall: number;
  readonly rss: number;
  /** Median over rounds of this one's cost by the first of ours in the same round. */
  readonly cpuRatio: number;
  readonly wallRatio: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

export function formatTable(results: readonly Result[]): string {
  const rows = [
    ["", "CPU s", "wall s", "RSS MiB", "CPU ratio", "wall ratio"],
    ...results.map(({ name, cpu, wall, rss, cpuRatio, wallRatio }) => [
      name,
      cpu.toFixed(2),
      wall.toFixed(2),
      rss.toFixed(0),
      cpuRatio.toFixed(2),
      wallRatio.toFixed(2),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join("  "),
    )
    .join("\n");
}

const colors: Readonly<Record<Result["group"], string>> = { ours: "#2b7a4b", peer: "#9a4a3c", floor: "#7d8590" };
const ROW = 26;
const LABEL = 330;
const WIDTH = 900;

export function formatChart(results: readonly Result[], title: string): string {
  const most = Math.max(...results.map(({ cpu }) => cpu), 0.001);
  const bars = results.map(({ name, group, cpu }, index) => {
    const y = 40 + index * ROW;
    const length = Math.max(1, ((WIDTH - LABEL - 80) * cpu) / most);
    return `<text x="${LABEL - 8}" y="${y + 15}" text-anchor="end">${escapeXml(name)}</text>
<rect x="${LABEL}" y="${y + 3}" width="${length.toFixed(1)}" height="${ROW - 8}" fill="${colors[group]}"/>
<text x="${(LABEL + length + 6).toFixed(1)}" y="${y + 15}">${cpu.toFixed(2)}</text>`;
  });
  const height = 50 + results.length * ROW;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="13">
<title>${escapeXml(title)}</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="12" y="24" font-size="15">${escapeXml(title)}</text>
${bars.join("\n")}
</svg>
`;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
