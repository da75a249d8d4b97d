// What an image that is booted needs on top (composefs-rs "transform_for_boot"): /boot and /sysroot empty, and SELinux labels
// from the image's own policy. Labelling is not built yet: an image with a policy is refused, one without gets no labels.

import { Oci2cfsError } from "../errors.ts";
import { type ByteString, encodeText } from "../format/bytes.ts";
import type { VerityDigest } from "../format/digest.ts";
import type { Directory, Node } from "../format/node.ts";
import { selectXattrs, visit } from "./walk.ts";

const SELINUX = "security.selinux" as ByteString;

export function makeBootable(root: Directory, options: { readContent(digest: VerityDigest): Buffer }): void {
  for (const name of ["boot", "sysroot"]) {
    const directory = root.children.get(encodeText(name));
    if (directory?.kind !== "directory") {
      throw new Oci2cfsError("unsupported", `the image has no directory /${name}, so it cannot be booted`, {
        hint: `add \`RUN mkdir -p /${name}\` to its Containerfile, or leave out --bootable`,
      });
    }
    directory.children.clear();
    // The seconds only: composefs-rs 0.9 leaves the nanoseconds as they are.
    directory.mtimeSec = root.mtimeSec;
  }
  const policy = selinuxPolicyOf(root, options.readContent);
  if (policy !== undefined) {
    throw new Oci2cfsError(
      "unsupported",
      `the image has an SELinux policy ("${policy}"), whose labels cannot be set yet`,
      {
        hint: "without --bootable the image is converted, with no labels",
      },
    );
  }
  visit(root, (node) => {
    node.xattrs = selectXattrs(node.xattrs, (name) => name !== SELINUX);
  });
}

/**
 * The policy's name from /etc/selinux/config; undefined when there is none.
 * @throws Oci2cfsError `unsupported` when the file is reached through a symlink, as composefs-rs.
 */
export function selinuxPolicyOf(root: Directory, readContent: (digest: VerityDigest) => Buffer): string | undefined {
  let node: Node | undefined = root;
  for (const part of ["etc", "selinux", "config"]) {
    if (node?.kind === "symlink")
      throw new Oci2cfsError("unsupported", "/etc/selinux/config is reached through a symlink");
    node = node?.kind === "directory" ? node.children.get(encodeText(part)) : undefined;
  }
  if (node === undefined) return undefined;
  if (node.kind !== "regular") throw new Oci2cfsError("unsupported", `/etc/selinux/config is a ${node.kind}`);
  const text = node.content ?? (node.digest === undefined ? "" : readContent(node.digest).toString("latin1"));
  for (const line of text.split("\n")) {
    const equals = line.indexOf("=");
    if (equals >= 0 && line.slice(0, equals).trim().toUpperCase() === "SELINUXTYPE")
      return line.slice(equals + 1).trim();
  }
  return undefined;
}
