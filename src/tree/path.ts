// Paths of tar entries: bytes between slashes, relative to the image's root.

import { Oci2cfsError } from "../errors.ts";
import { type ByteString, printable } from "../format/bytes.ts";

/** What Linux takes as one path, and then some: deeper trees are made by no tool that a tar came from. */
const MAX_PATH_LENGTH = 65_536;

/**
 * Without leading and trailing slashes, `.` parts and doubled slashes; "" is the root.
 * @throws Oci2cfsError `bad-format` for a path with a `..` part.
 */
export function normalizePath(path: ByteString): ByteString {
  if (path.length > MAX_PATH_LENGTH) {
    throw new Oci2cfsError("bad-format", `"${printable(path).slice(0, 80)}…": a path of ${path.length} bytes`);
  }
  // The usual forms, `usr/bin/x`, `./usr/bin/x` and `usr/bin/`, need no splitting.
  const start = path.startsWith("./") ? 2 : path.startsWith("/") ? 1 : 0;
  const end = path.endsWith("/") && path.length > start ? path.length - 1 : path.length;
  const trimmed = path.slice(start, end);
  if (trimmed !== "" && !/(?:^|\/)\.{0,2}(?:\/|$)/.test(trimmed)) return trimmed as ByteString;
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) {
    throw new Oci2cfsError("bad-format", `"${printable(path).slice(0, 200)}": the path has a ".."`);
  }
  return parts.join("/") as ByteString;
}

/** Of a normalized path: everything before the last part; "" for the root's children. */
export function parentPath(path: ByteString): ByteString {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0)) as ByteString;
}

export function baseName(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf("/") + 1) as ByteString;
}
