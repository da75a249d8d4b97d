// `npm run fixtures OUT_DIR`: every fixture as an OCI layout in OUT_DIR/NAME, tag `latest`, for any tool to read.

import { rmSync } from "node:fs";
import path from "node:path";
import { fixtures } from "./index.ts";
import { TAG, writeOciLayout } from "./oci-layout.ts";

const [target, ...names] = process.argv.slice(2);
const unknown = names.filter((name) => !fixtures.some((fixture) => fixture.name === name));
if (target === undefined || unknown.length > 0) {
  const reason = unknown.length > 0 ? `no such fixture: ${unknown.join(", ")}\n` : "";
  process.stderr.write(`${reason}usage: npm run fixtures OUT_DIR [NAME…]\n`);
  process.exitCode = 1;
} else {
  for (const fixture of fixtures) {
    if (names.length > 0 && !names.includes(fixture.name)) continue;
    const directory = path.resolve(target, fixture.name);
    // What an older build left would stay in the layout as blobs that nothing refers to.
    rmSync(directory, { recursive: true, force: true });
    const digest = writeOciLayout(directory, fixture);
    process.stdout.write(`oci:${directory}:${TAG} ${digest}\n`);
  }
}
