// The kernel mount of a composefs: EROFS for names and metadata, overlayfs over it with the object store as a data-only
// lower layer (kernel Documentation/filesystems/overlayfs.rst, "Data-only lower layers", Linux 6.5). Done by mount(8),
// which brings the loop device that kernels before 6.12 need.

import { mkdtempSync, readFileSync, realpathSync, rmdirSync, symlinkSync, unlinkSync } from "node:fs";
import path from "node:path";
import { errnoOf, Oci2cfsError } from "../errors.ts";
import { run } from "./exec.ts";

export interface ComposefsMount {
  /** The image file. */
  readonly image: string;
  /** The directory that the image's redirects are relative to. */
  readonly objects: string;
  readonly target: string;
  /** Whether any inode has POSIX ACLs, as the image's header says: without, EROFS need not look for them. */
  readonly hasAcl: boolean;
  /** Let the kernel refuse every object whose fs-verity digest is not what the image says (Linux 6.6). */
  readonly requireVerity: boolean;
}

/** What overlayfs shows as the mount's source, and by which `unmountComposefs` knows its own. */
const SOURCE = "composefs";

/** @throws Oci2cfsError `denied` without root, `tool-failed` with what mount(8) or the kernel said. */
export async function mountComposefs(mount: ComposefsMount): Promise<void> {
  requireRoot("mounting");
  const scratch = mkdtempSync("/run/oci2cfs-");
  const erofs = mkdtempSync(path.join(scratch, "image-"));
  const objects = path.join(scratch, "objects");
  // A link whose path needs no escapes in the option string: colons and commas separate there.
  symlinkSync(realpathSync(mount.objects), objects);
  try {
    await run("mount", ["-t", "erofs", "-o", mount.hasAcl ? "ro,loop" : "ro,loop,noacl", mount.image, erofs]);
    try {
      const options = ["ro", "metacopy=on", "redirect_dir=on", `lowerdir=${erofs}::${objects}`];
      if (mount.requireVerity) options.push("verity=require");
      await run("mount", ["-t", "overlay", SOURCE, "-o", options.join(","), mount.target]);
    } finally {
      // The overlay holds the file system itself; the name is needed no more.
      await run("umount", ["-l", erofs]);
    }
  } finally {
    unlinkSync(objects);
    rmdirSync(erofs);
    rmdirSync(scratch);
  }
}

/** @throws Oci2cfsError `usage` when no composefs is mounted there, `denied` without root. */
export async function unmountComposefs(target: string): Promise<void> {
  if (!isComposefsMount(target)) {
    throw new Oci2cfsError("usage", `${target}: no composefs is mounted there`, { hint: "see findmnt -t overlay" });
  }
  requireRoot("unmounting");
  await run("umount", [target]);
}

function isComposefsMount(target: string): boolean {
  let resolved: string;
  try {
    resolved = realpathSync(target);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
  // proc_pid_mountinfo(5): field 5 is the mount point with octal escapes; behind the lone "-": type and source.
  return readFileSync("/proc/self/mountinfo", "latin1")
    .split("\n")
    .some((line) => {
      const [mount, detail] = line.split(" - ");
      const point = mount?.split(" ")[4]?.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
      const name = point === undefined ? "" : Buffer.from(point, "latin1").toString("utf8");
      return name === resolved && detail?.startsWith(`overlay ${SOURCE} `) === true;
    });
}

function requireRoot(what: string): void {
  if (process.platform !== "linux") throw new Oci2cfsError("unsupported", `${what} a composefs needs Linux`);
  if (process.geteuid?.() === 0) return;
  throw new Oci2cfsError("denied", `${what} a composefs needs root (CAP_SYS_ADMIN)`, {
    hint: "run it with sudo; `oci2cfs ls` and `oci2cfs dump` look inside an image without",
  });
}
