// The one error class of the project, and the table from its codes to exit codes.

/** What went wrong, in one word that programs can rely on. */
export type ErrorCode =
  | "bad-format" // bytes that are not what their type says: a tar, an image, a manifest
  | "busy" // somebody else holds the lock
  | "denied" // the machine or a policy says no
  | "digest-mismatch" // bytes that do not match the digest or size they came with
  | "image-not-found" // the source has no such image
  | "interrupted" // a signal ended the work
  | "io" // the machine failed: a full disk, a read error
  | "no-verity" // fs-verity is demanded and not to be had
  | "not-found" // the store has no such name
  | "tool-failed" // a program we started ended badly
  | "unsupported" // understood, and refused on purpose
  | "usage"; // the command line is wrong

const exitCodes: Record<ErrorCode, number> = {
  "bad-format": 1,
  busy: 1,
  denied: 1,
  "digest-mismatch": 3,
  "image-not-found": 2,
  interrupted: 130,
  io: 1,
  "no-verity": 3,
  "not-found": 1,
  "tool-failed": 1,
  unsupported: 1,
  usage: 1,
};

export interface ErrorDetails {
  /** The error below this one. */
  cause?: unknown;
  /** One sentence that says what the user can do about it. */
  hint?: string;
  /** Facts for programs, such as the two digests that differ. */
  data?: Readonly<Record<string, string | number | boolean>>;
}

/** Every error that this project throws on purpose. The message is one line without a full stop. */
export class Oci2cfsError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly data: Readonly<Record<string, string | number | boolean>>;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "Oci2cfsError";
    this.code = code;
    this.hint = details.hint;
    this.data = details.data ?? {};
  }
}

/** The error's errno name, such as `ENOENT`, when it comes from a system call. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/**
 * The same failure with where it happened in front: `layer 2/3 sha256:ab…: tar: entry 7: …`.
 * Keeps code, hint and data; an error from outside becomes `io` when it has an errno, else it is a defect and keeps its stack.
 */
export function withContext(context: string, error: unknown): Error {
  if (error instanceof Oci2cfsError) {
    const details: ErrorDetails = { cause: error, data: error.data };
    if (error.hint !== undefined) details.hint = error.hint;
    return new Oci2cfsError(error.code, `${context}: ${error.message}`, details);
  }
  if (errnoOf(error) !== undefined && error instanceof Error) {
    return new Oci2cfsError("io", `${context}: ${error.message}`, { cause: error });
  }
  return error instanceof Error ? error : new Error(String(error));
}

/** The process exit code for any thrown value. */
export function exitCodeOf(error: unknown): number {
  return error instanceof Oci2cfsError ? exitCodes[error.code] : 1;
}

/** An error in the form that crosses a thread: a structured clone keeps of an Error only its message. */
export interface ErrorRecord {
  code: ErrorCode | undefined;
  errno: string | undefined;
  message: string;
  hint: string | undefined;
  data: Readonly<Record<string, string | number | boolean>>;
  stack: string | undefined;
}

export function errorToRecord(error: unknown): ErrorRecord {
  const ours = error instanceof Oci2cfsError ? error : undefined;
  return {
    code: ours?.code,
    errno: ours === undefined ? errnoOf(error) : undefined,
    message: error instanceof Error ? error.message : String(error),
    hint: ours?.hint,
    data: ours?.data ?? {},
    stack: error instanceof Error ? error.stack : undefined,
  };
}

export function errorFromRecord(record: ErrorRecord): Error {
  const code = record.code ?? (record.errno === undefined ? undefined : "io");
  const error =
    code === undefined
      ? new Error(record.message)
      : new Oci2cfsError(code, record.message, {
          data: record.data,
          ...(record.hint === undefined ? {} : { hint: record.hint }),
        });
  if (record.stack !== undefined) error.stack = record.stack;
  return error;
}
