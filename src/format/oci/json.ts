// JSON as Go's encoding/json reads it, which is what every other tool of this field uses: the last of two equal keys
// wins, null means "not given", unknown fields are passed over. Errors are one line with the place, as `layers[3].digest`.

import * as v from "valibot";
import { Oci2cfsError } from "../../errors.ts";

/** OCI documents nest about ten levels; Go stops at 10,000. */
const MAX_DEPTH = 100;

/** Lists that Go programs write as null when they are empty. */
const lists: ReadonlySet<string> = new Set(["layers", "manifests", "diff_ids"]);

/**
 * @param what names the document in errors: `manifest sha256:…`
 * @throws Oci2cfsError `bad-format` for bytes that are no JSON object.
 */
export function parseObject(bytes: Buffer, what: string): Record<string, unknown> {
  if (exceedsDepth(bytes)) throw new Oci2cfsError("bad-format", `${what}: JSON nested deeper than ${MAX_DEPTH} levels`);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new Oci2cfsError("bad-format", `${what}: not JSON`, { cause: error });
  }
  if (!isObject(value)) throw new Oci2cfsError("bad-format", `${what}: not a JSON object`);
  dropNulls(value);
  return value;
}

/** @throws Oci2cfsError `bad-format` with the place of the first fault. */
export function check<T>(schema: v.GenericSchema<unknown, T>, value: unknown, what: string): T {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  throw new Oci2cfsError("bad-format", `${what}: ${describeIssue(result.issues[0])}`);
}

/** Text from a document, quoted and cut for a message. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 160 ? `${text.slice(0, 160)}…` : text);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Looks at brackets outside of strings, before anything is allocated. */
function exceedsDepth(bytes: Buffer): boolean {
  let depth = 0;
  for (let index = 0; index < bytes.length; index++) {
    switch (bytes[index]) {
      case QUOTE:
        for (index++; index < bytes.length && bytes[index] !== QUOTE; index++) if (bytes[index] === BACKSLASH) index++;
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > MAX_DEPTH) return true;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
    }
  }
  return false;
}

function dropNulls(value: unknown): void {
  if (Array.isArray(value)) {
    for (const item of value) dropNulls(item);
  } else if (isObject(value)) {
    for (const key of Object.keys(value)) {
      if (value[key] !== null) dropNulls(value[key]);
      else if (lists.has(key)) value[key] = [];
      else delete value[key];
    }
  }
}

function describeIssue(issue: v.BaseIssue<unknown>): string {
  let place = "";
  for (const item of issue.path ?? []) {
    if (typeof item.key === "number") place += `[${item.key}]`;
    else if (typeof item.key === "string" && /^\w{1,60}$/.test(item.key))
      place += `${place === "" ? "" : "."}${item.key}`;
    else place += `[${quote(String(item.key))}]`;
  }
  return place === "" ? explain(issue) : `${place}: ${explain(issue)}`;
}

function explain(issue: v.BaseIssue<unknown>): string {
  if (issue.kind !== "schema") return issue.message;
  if (issue.input === undefined) return "missing";
  const expected = (issue.expected ?? "something else").replaceAll("Object", "object").replaceAll("Array", "array");
  return `expected ${expected}, got ${describe(issue.input)}`;
}

function describe(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? (value === null ? "null" : "an object") : String(value);
}
