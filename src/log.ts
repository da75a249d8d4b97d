// Diagnostics on standard error, one line each: `level: message`. Results never go through here.

export const logLevels = ["error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof logLevels)[number];

let threshold = logLevels.indexOf("warn");

export function setLogLevel(level: LogLevel): void {
  threshold = logLevels.indexOf(level);
}

/** Writes one line when the level is wanted. A function is only called when it is. */
export function log(level: LogLevel, message: string | (() => string)): void {
  if (logLevels.indexOf(level) > threshold) return;
  process.stderr.write(`${level}: ${typeof message === "string" ? message : message()}\n`);
}
