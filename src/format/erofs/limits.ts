// What an image can hold, by mkcomposefs' limits and the widths of the on-disk fields. A tree may come from an OCI image
// that nobody has checked, so the writer asks here before it counts or writes anything.

import { type ByteString, printable } from "../bytes.ts";
import type { Directory, Leaf, Regular, Xattrs } from "../node.ts";
import {
  MAX_FILE_SIZE,
  MAX_INLINE_SIZE,
  MAX_NAME_LENGTH,
  MAX_SYMLINK_LENGTH,
  MAX_XATTR_BUDGET,
  MAX_XATTR_NAME_LENGTH,
  MAX_XATTR_VALUE_LENGTH,
  XATTR_HEADER_SIZE,
} from "./layout.ts";

const MAX_U16 = 2 ** 16 - 1;
const MAX_U32 = 2 ** 32 - 1;
const MAX_I64 = 2n ** 63n - 1n;
const MIN_I64 = -(2n ** 63n);

/** What is wrong with a name, in the words of a message that begins with its directory. */
export function nameProblem(name: ByteString): string | undefined {
  const isUsual = name.length > 0 && name.length <= MAX_NAME_LENGTH && name !== "." && name !== "..";
  if (isUsual && !name.includes("/") && !name.includes("\0")) return undefined;
  return `name "${printable(name).slice(0, 80)}" of ${name.length} bytes is not a file name`;
}

/** What is wrong with an inode, in the words of a message that begins with its path. */
export function inodeProblem(inode: Directory | Leaf): string | undefined {
  return metadataProblem(inode) ?? (inode.kind === "directory" ? undefined : leafProblem(inode));
}

function fits(value: number, most: number): boolean {
  return value >= 0 && value <= most && Number.isInteger(value);
}

function metadataProblem(inode: Directory | Leaf): string | undefined {
  if (!fits(inode.mode, MAX_U16)) return `mode ${inode.mode} is not a 16-bit number`;
  if (!fits(inode.uid, MAX_U32)) return `uid ${inode.uid} is not a 32-bit number`;
  if (!fits(inode.gid, MAX_U32)) return `gid ${inode.gid} is not a 32-bit number`;
  if (!fits(inode.mtimeNsec, MAX_U32) || inode.mtimeSec > MAX_I64 || inode.mtimeSec < MIN_I64) {
    return `mtime ${inode.mtimeSec}.${inode.mtimeNsec} does not fit 64 and 32 bits`;
  }
  return inode.xattrs.size === 0 ? undefined : xattrProblem(inode.xattrs);
}

function leafProblem(leaf: Leaf): string | undefined {
  if (!fits(leaf.nlink, MAX_U32)) return `nlink ${leaf.nlink} is not a 32-bit number`;
  switch (leaf.kind) {
    case "regular":
      return regularProblem(leaf);
    case "symlink": {
      const { length } = leaf.target;
      if (length > 0 && length <= MAX_SYMLINK_LENGTH && !leaf.target.includes("\0")) return undefined;
      return `symlink target of ${length} bytes is empty, longer than ${MAX_SYMLINK_LENGTH} or has a NUL`;
    }
    case "character":
    case "block":
      return fits(leaf.rdev, MAX_U32) ? undefined : `rdev ${leaf.rdev} is not a 32-bit number`;
    default:
      return undefined;
  }
}

function regularProblem({ size, content, payload }: Regular): string | undefined {
  if (!fits(size, MAX_FILE_SIZE)) return `file size ${size} is not a number from 0 to 2^53`;
  const inline = content?.length ?? 0;
  if (inline > MAX_INLINE_SIZE) return `inline content of ${inline} bytes, more than ${MAX_INLINE_SIZE}`;
  if (inline > 0 && inline !== size) return `inline content of ${inline} bytes where the size is ${size}`;
  if (payload !== undefined && payload.length > MAX_SYMLINK_LENGTH) {
    return `payload of ${payload.length} bytes, more than ${MAX_SYMLINK_LENGTH}`;
  }
  return undefined;
}

/** The budget is mkcomposefs', which counts names as the user gave them and leaves out what the writer adds. */
function xattrProblem(xattrs: Xattrs): string | undefined {
  let budget = XATTR_HEADER_SIZE;
  for (const [name, value] of xattrs) {
    if (name.length === 0 || name.length > MAX_XATTR_NAME_LENGTH || name.includes("\0")) {
      return `xattr name "${printable(name).slice(0, 80)}" of ${name.length} bytes is not valid`;
    }
    budget += 7 + name.length + value.length;
    if (value.length > MAX_XATTR_VALUE_LENGTH || budget > MAX_XATTR_BUDGET) {
      return `xattrs take more than the ${MAX_XATTR_BUDGET} bytes that an inode can have`;
    }
  }
  return undefined;
}
