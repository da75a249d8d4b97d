// What a directory is that no layer has an entry for: a missing parent, and the root of an image without /usr.

import { type Directory, type Metadata, NO_XATTRS, S_IFDIR } from "../format/node.ts";

export const IMPLIED: Readonly<Metadata> = {
  mode: S_IFDIR | 0o755,
  uid: 0,
  gid: 0,
  mtimeSec: 0n,
  mtimeNsec: 0,
  xattrs: NO_XATTRS,
};

export function makeImpliedDirectory(): Directory {
  return { kind: "directory", ...IMPLIED, children: new Map() };
}
