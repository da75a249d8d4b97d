import { dump, type FixtureCase } from "../fixture.ts";
import { directory, file, header, paxHeader, tar } from "../tar-builder.ts";

export const globalPaxHeader: FixtureCase = {
  name: "global-pax-header",
  about: "A global pax header, as git archive writes it, changes no entry.",
  layers: [{ tar: tar(globalHeader(), directory("usr"), file("usr/a", "1")) }],
  umociDiffers: "umoci refuses global headers",
  expect: [
    {
      dump: dump(
        "/ 0 40755 2 0 0 0 1000.0 - - -",
        "/usr 0 40755 2 0 0 0 1000.0 - - -",
        "/usr/a 1 100644 1 0 0 0 1000.0 - 1 -",
      ),
    },
  ],
};

/** With more than the comment that git puts there: podman and composefs-rs pass over all of it. */
function globalHeader(): Buffer {
  const pax = paxHeader([
    ["comment", "0123456789abcdef"],
    ["mtime", "1"],
    ["path", "ignored"],
  ]);
  const [, size = ""] = /^([0-7]{11})/.exec(pax.toString("latin1", 124, 136)) ?? [];
  const block = header({ name: "pax_global_header", type: "g", size: Number.parseInt(size, 8) });
  return Buffer.concat([block, pax.subarray(block.length)]);
}
