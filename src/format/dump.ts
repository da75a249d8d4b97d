// composefs-dump(5): the text form of a composefs image.

export { formatDump } from "./dump/format.ts";
export { parseDump } from "./dump/parse.ts";
