import { bytesOfSparse, sparseRuns } from "../contents.ts";
import { dump, type FixtureCase, stored } from "../fixture.ts";
import { directory, file, padded, paxHeader, tar } from "../tar-builder.ts";

const REAL_SIZE = bytesOfSparse.bytes.length;
const runs: readonly (readonly [offset: number, length: number])[] = sparseRuns.map(([offset, text]) => [
  offset,
  text.length,
]);
const runBytes = Buffer.from(sparseRuns.map(([, text]) => text).join(""));

export const sparsePax: FixtureCase = {
  name: "sparse-pax",
  about: "Sparse files in GNU tar's three pax formats, all of the same content; composefs-rs refuses them.",
  layers: [{ tar: tar(directory("usr"), pax00("usr/00"), pax01("usr/01"), pax10("usr/10")) }],
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        ...["00", "01", "10"].map((name) => `/usr/${name} ${REAL_SIZE} 100644 1 0 0 0 1000.0 ${stored(bytesOfSparse)}`),
      ),
    },
    { options: { compat: "composefs-rs" }, code: "unsupported", message: /sparse/ },
  ],
};

/** pax 0.0: an offset and a length record for each run. */
function pax00(name: string): Buffer {
  const records = runs.flatMap(([offset, length]) => [
    ["GNU.sparse.offset", `${offset}`] as const,
    ["GNU.sparse.numbytes", `${length}`] as const,
  ]);
  return Buffer.concat([
    paxHeader([["GNU.sparse.size", `${REAL_SIZE}`], ["GNU.sparse.numblocks", `${runs.length}`], ...records]),
    file(name, runBytes),
  ]);
}

/** pax 0.1: one record with the whole map, and the name apart. */
function pax01(name: string): Buffer {
  return file("GNUSparseFile.0/x", runBytes, {
    pax: {
      "GNU.sparse.size": `${REAL_SIZE}`,
      "GNU.sparse.numblocks": `${runs.length}`,
      "GNU.sparse.name": name,
      "GNU.sparse.map": runs.flat().join(","),
    },
  });
}

/** pax 1.0: the map in front of the content, in decimal lines filled to a block. */
function pax10(name: string): Buffer {
  const map = padded(Buffer.from(`${[runs.length, ...runs.flat()].join("\n")}\n`));
  return file("GNUSparseFile.0/x", Buffer.concat([map, runBytes]), {
    pax: {
      "GNU.sparse.major": "1",
      "GNU.sparse.minor": "0",
      "GNU.sparse.name": name,
      "GNU.sparse.realsize": `${REAL_SIZE}`,
    },
  });
}
