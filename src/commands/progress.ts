// Progress of a conversion in three forms: redrawn lines on a terminal, plain lines otherwise, and JSON lines in bootc's
// progress protocol (`--progress-fd`). All of it goes to standard error or the given descriptor, never to stdout.

import { writeSync } from "node:fs";
import type { ConversionEvent, ConversionListener, LayerPlan } from "../convert.ts";
import { Oci2cfsError } from "../errors.ts";
import { logLevels } from "../log.ts";
import type { GlobalOptions } from "./session.ts";
import { formatSize, shortDigest } from "./text.ts";

interface Progress {
  readonly listener: ConversionListener;
  /** Leaves the terminal in order, whether the work succeeded or not. */
  close(): void;
}

/**
 * Runs the work with progress shown as the options say.
 * @throws Oci2cfsError `usage` when --progress-fd is not an open descriptor.
 */
export async function withProgress<T>(
  options: GlobalOptions,
  work: (listener: ConversionListener) => Promise<T>,
): Promise<T> {
  const progress = createProgress(options);
  try {
    return await work(progress.listener);
  } finally {
    progress.close();
  }
}

function createProgress(options: GlobalOptions): Progress {
  const outputs: Progress[] = [];
  if (options.progressFd !== undefined) outputs.push(jsonProgress(parseDescriptor(options.progressFd)));
  const silent = options.quiet === true || options.logLevel === logLevels[0];
  if (!silent) outputs.push(process.stderr.isTTY ? terminalProgress() : plainProgress());
  return {
    listener: (event) => {
      for (const output of outputs) output.listener(event);
    },
    close: () => {
      for (const output of outputs) output.close();
    },
  };
}

function parseDescriptor(text: string): number {
  const fd = /^\d{1,4}$/.test(text) ? Number(text) : -1;
  try {
    writeSync(fd, "");
  } catch (cause) {
    throw new Oci2cfsError("usage", `--progress-fd ${text}: not a descriptor that can be written`, { cause });
  }
  return fd;
}

function label(layer: LayerPlan, count: number): string {
  return `layer ${layer.index + 1}/${count} ${shortDigest(layer.digest)}`;
}

function plainProgress(): Progress {
  let layers: readonly LayerPlan[] = [];
  const say = (line: string): boolean => process.stderr.write(`${line}\n`);
  return {
    listener: (event) => {
      if (event.kind === "plan") {
        layers = event.layers;
        for (const layer of layers) {
          if (layer.cached) say(`${label(layer, layers.length)}: already in the store`);
        }
      } else if (event.kind === "start") {
        const layer = layers[event.layer];
        if (layer !== undefined) say(`${label(layer, layers.length)}: importing ${formatSize(layer.size)}`);
      } else if (event.kind === "step") say(event.description);
    },
    close: () => undefined,
  };
}

/** Redraws at most ten times a second: drawing costs more than the counting. */
const REDRAW_MS = 100;
const BAR_WIDTH = 40;

function terminalProgress(): Progress {
  let layers: readonly LayerPlan[] = [];
  let bytes: number[] = [];
  let drawn = 0;
  let last = 0;
  const line = (layer: LayerPlan): string => {
    if (layer.cached) return `${label(layer, layers.length)}  already in the store`;
    const done = bytes[layer.index] ?? 0;
    const share = layer.size === 0 ? 1 : done / layer.size;
    const filled = Math.round(share * BAR_WIDTH);
    const bar = filled >= BAR_WIDTH ? "=".repeat(BAR_WIDTH) : `${"=".repeat(filled)}>`.padEnd(BAR_WIDTH);
    return `${label(layer, layers.length)}  [${bar}] ${formatSize(done)} / ${formatSize(layer.size)}`;
  };
  const draw = (): void => {
    last = Date.now();
    const width = process.stderr.columns || 80;
    const lines = layers.map((layer) => line(layer).slice(0, width - 1));
    process.stderr.write(`${drawn > 0 ? `\x1b[${drawn}A` : ""}${lines.map((text) => `\x1b[2K${text}\n`).join("")}`);
    drawn = lines.length;
  };
  return {
    listener: (event) => {
      if (event.kind === "plan") {
        layers = event.layers;
        bytes = layers.map(() => 0);
        draw();
      } else if (event.kind === "bytes") {
        bytes[event.layer] = (bytes[event.layer] ?? 0) + event.bytes;
        if (Date.now() - last >= REDRAW_MS) draw();
      } else if (event.kind === "step") {
        draw();
        process.stderr.write(`${event.description}\n`);
        drawn = 0;
        layers = [];
      }
    },
    close: () => {
      if (layers.length > 0) draw();
    },
  };
}

/** The protocol's version that these events follow. */
const PROTOCOL_VERSION = "0.1.0";

function jsonProgress(fd: number): Progress {
  let layers: readonly LayerPlan[] = [];
  let bytes: number[] = [];
  let last = 0;
  const send = (value: Readonly<Record<string, unknown>>): void => {
    writeSync(fd, `${JSON.stringify(value)}\n`);
  };
  const sum = (select: (layer: LayerPlan) => number): number =>
    layers.reduce((total, layer) => total + select(layer), 0);
  const isDone = (layer: LayerPlan): boolean => layer.cached || (bytes[layer.index] ?? 0) >= layer.size;
  const sendBytes = (): void => {
    last = Date.now();
    send({
      type: "ProgressBytes",
      task: "pulling",
      description: "Importing layers",
      id: "layers",
      bytesCached: sum((layer) => (layer.cached ? layer.size : 0)),
      bytes: sum((layer) => bytes[layer.index] ?? 0),
      bytesTotal: sum((layer) => (layer.cached ? 0 : layer.size)),
      stepsCached: layers.filter((layer) => layer.cached).length,
      steps: layers.filter((layer) => !layer.cached && isDone(layer)).length,
      stepsTotal: layers.length,
      subtasks: layers
        .filter((layer) => !layer.cached && (bytes[layer.index] ?? 0) > 0)
        .map((layer) => ({
          subtask: "layer",
          description: label(layer, layers.length),
          id: layer.digest,
          bytesCached: 0,
          bytes: bytes[layer.index] ?? 0,
          bytesTotal: layer.size,
        })),
    });
  };
  send({ type: "Start", version: PROTOCOL_VERSION });
  const listener = (event: ConversionEvent): void => {
    if (event.kind === "plan") {
      layers = event.layers;
      bytes = layers.map(() => 0);
      sendBytes();
    } else if (event.kind === "bytes") {
      bytes[event.layer] = (bytes[event.layer] ?? 0) + event.bytes;
      const layer = layers[event.layer];
      if (Date.now() - last >= REDRAW_MS || (layer !== undefined && isDone(layer))) sendBytes();
    } else if (event.kind === "step") {
      send({
        type: "ProgressSteps",
        task: event.step,
        description: event.description,
        id: event.step,
        stepsCached: 0,
        steps: event.number,
        stepsTotal: event.count,
        subtasks: [],
      });
    }
  };
  return { listener, close: () => undefined };
}
