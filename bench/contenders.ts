// What is measured against what: this program in several situations, other ways to the same composefs, and floors that any
// such program pays. Each says what it needs; what is missing is named with how to get it.

import { existsSync } from "node:fs";
import path from "node:path";

export interface Contender {
  readonly name: string;
  readonly group: "ours" | "peer" | "floor";
  /** Run before, unmeasured; a shell script with the variables of `environment`. */
  readonly before?: string;
  readonly script: string;
  /** Programs that must be there. */
  readonly needs: readonly string[];
  /** Runs inside of the root that OCI2CFS_SID names, when that is set. */
  readonly inRoot?: boolean;
}

const cli = path.join(import.meta.dirname, "../src/cli.js");
const pull = (tag: string, repo: string): string =>
  `"${process.execPath}" "${cli}" -q --repo "$WORK/${repo}" pull "oci:$LAYOUT:${tag}"`;
const fresh = (repo: string): string => `rm -rf "$WORK/${repo}"`;

/** $LAYOUT is the image, $WORK a directory to fill, $LAYERS_GZIP and so on the blobs. */
export const contenders: readonly Contender[] = [
  {
    name: "oci2cfs pull, gzip, empty store",
    group: "ours",
    before: fresh("gzip"),
    script: pull("gzip", "gzip"),
    needs: [],
  },
  {
    name: "oci2cfs pull, zstd, empty store",
    group: "ours",
    before: fresh("zstd"),
    script: pull("zstd", "zstd"),
    needs: [],
  },
  {
    name: "oci2cfs pull, plain, empty store",
    group: "ours",
    before: fresh("plain"),
    script: pull("plain", "plain"),
    needs: [],
  },
  { name: "oci2cfs pull, same image again", group: "ours", script: pull("gzip", "gzip"), needs: [] },
  // The zstd image has other blobs and another config, but the same layers.
  { name: "oci2cfs pull, all layers known", group: "ours", script: pull("zstd", "gzip"), needs: [] },
  { name: "oci2cfs pull, one small layer new", group: "ours", script: pull("changed", "gzip"), needs: [] },
  {
    name: "umoci unpack + mkcomposefs",
    group: "peer",
    before: 'rm -rf "$WORK/umoci"; mkdir -p "$WORK/umoci"',
    script:
      'umoci unpack --image "$LAYOUT:gzip" "$WORK/umoci/bundle" && mkcomposefs --digest-store="$WORK/umoci/objects" "$WORK/umoci/bundle/rootfs" "$WORK/umoci/image"',
    needs: ["umoci", "mkcomposefs"],
    inRoot: true,
  },
  {
    name: "skopeo + bsdtar + mkcomposefs",
    group: "peer",
    before: 'rm -rf "$WORK/skopeo"; mkdir -p "$WORK/skopeo/rootfs"',
    // No diffID is checked and no whiteout applied: less than the others do.
    script:
      'skopeo --insecure-policy copy -q "oci:$LAYOUT:gzip" "dir:$WORK/skopeo/dir" && for layer in $LAYERS_GZIP; do bsdtar -xpf "$WORK/skopeo/dir/$(basename "$layer")" -C "$WORK/skopeo/rootfs"; done && mkcomposefs --digest-store="$WORK/skopeo/objects" "$WORK/skopeo/rootfs" "$WORK/skopeo/image"',
    needs: ["skopeo", "bsdtar", "mkcomposefs"],
    inRoot: true,
  },
  {
    name: "gzip -dc | sha256sum",
    group: "floor",
    script: 'for layer in $LAYERS_GZIP; do gzip -dc < "$layer" | sha256sum; done',
    needs: ["gzip"],
  },
  {
    name: "igzip -dc | sha256sum, sha256sum of the blobs",
    group: "floor",
    script: 'for layer in $LAYERS_GZIP; do igzip -dc < "$layer" | sha256sum; sha256sum "$layer"; done',
    needs: ["igzip"],
  },
  {
    name: "zstd -dc | sha256sum",
    group: "floor",
    script: 'for layer in $LAYERS_ZSTD; do zstd -qdc < "$layer" | sha256sum; done',
    needs: ["zstd"],
  },
  {
    name: "bsdtar -x of the plain layers",
    group: "floor",
    before: 'rm -rf "$WORK/tar"; mkdir -p "$WORK/tar"',
    script: 'for layer in $LAYERS_PLAIN; do bsdtar -xpf "$layer" -C "$WORK/tar"; done',
    needs: ["bsdtar"],
  },
];

const packages: Readonly<Record<string, string>> = {
  umoci: "apt install umoci",
  skopeo: "apt install skopeo",
  bsdtar: "apt install libarchive-tools",
  igzip: "apt install isal",
  zstd: "apt install zstd",
  mkcomposefs: "Debian unstable: OCI2CFS_SID=$(test/interop/sid-root.sh)",
};

/** How to get a program that is missing; undefined when it is there. */
export function missing(program: string, root: string | undefined): string | undefined {
  const places = (process.env.PATH ?? "").split(path.delimiter);
  const inRoot = ["usr/bin", "usr/sbin", "bin"].map((directory) => path.join(root ?? "/", directory));
  const found = (root === undefined ? places : inRoot).some((directory) => existsSync(path.join(directory, program)));
  return found ? undefined : `${program} (${packages[program] ?? `apt install ${program}`})`;
}
