// The layer workers: one thread a core at most, the biggest layer first so that no large one starts last.

import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { errorFromRecord, Oci2cfsError, withContext } from "../errors.ts";
import type { HashAlgorithm } from "../format/digest.ts";
import type { ObjectStoreLocation } from "../store/objects.ts";
import type { LayerImport, PolicyFile } from "./import-layer.ts";
import { allocateKnownDigests, type KnownDigestsMemory } from "./known-digests.ts";
import type { LayerJob, WorkerReply, WorkerSettings } from "./messages.ts";

export interface ImportedRecord {
  /** The layer record, a whole splitstream file. */
  readonly record: Buffer;
  readonly entries: number;
  readonly tarSize: number;
  readonly policyFiles: readonly PolicyFile[];
}

export interface IngestOptions<Layer> {
  readonly layers: readonly Layer[];
  /** What errors call the layer: `layer 2/7 sha256:ab…`. */
  describe(layer: Layer): string;
  /** Bytes of a layer's blob, for the order of work. */
  sizeOf(layer: Layer): number;
  /** Called when a worker is free for the layer: the place to wait for its blob. */
  open(layer: Layer): Promise<LayerImport>;
  onProgress(layer: Layer, bytes: number): void;
  /** Called as layers finish, in any order. */
  onDone(layer: Layer, result: ImportedRecord): Promise<void>;
  readonly algorithm: HashAlgorithm;
  readonly objects: ObjectStoreLocation | undefined;
  /** How many objects the store holds already, roughly. */
  readonly existingObjects: number;
  readonly signal?: AbortSignal;
}

/** Mean object size of OS images is 25 to 35 KB; compressed blobs hold about one object for each of these many bytes. */
const BLOB_BYTES_PER_OBJECT = 8 * 1024;

/**
 * Imports all layers. The first failure stops the others and is thrown; objects that were written stay, harmless, since
 * nothing names them.
 * @throws Oci2cfsError as `importLayer`, with the layer in front; `interrupted` when the signal fires.
 */
export async function ingestLayers<Layer>(options: IngestOptions<Layer>): Promise<void> {
  const queue = [...options.layers].sort((a, b) => options.sizeOf(b) - options.sizeOf(a));
  if (queue.length === 0) return;
  const blobBytes = queue.reduce((sum, layer) => sum + options.sizeOf(layer), 0);
  const known = allocateKnownDigests(options.algorithm, options.existingObjects + blobBytes / BLOB_BYTES_PER_OBJECT);
  const workers = Array.from(
    { length: Math.min(queue.length, availableParallelism()) },
    () => new LayerWorker(options.objects, known),
  );
  const stop = (): void => {
    for (const worker of workers) worker.fail(new Oci2cfsError("interrupted", "interrupted"));
  };
  options.signal?.addEventListener("abort", stop, { once: true });
  try {
    options.signal?.throwIfAborted();
    await Promise.all(
      workers.map(async (worker) => {
        for (let layer = queue.shift(); layer !== undefined; layer = queue.shift()) {
          await importOne(worker, layer, options);
        }
      }),
    );
  } catch (error) {
    queue.length = 0;
    throw error;
  } finally {
    options.signal?.removeEventListener("abort", stop);
    await Promise.all(workers.map((worker) => worker.close()));
  }
}

async function importOne<Layer>(worker: LayerWorker, layer: Layer, options: IngestOptions<Layer>): Promise<void> {
  try {
    const result = await worker.import(await options.open(layer), (bytes) => options.onProgress(layer, bytes));
    await options.onDone(layer, result);
  } catch (error) {
    if (error instanceof Oci2cfsError && error.code === "interrupted") throw error;
    throw withContext(options.describe(layer), error);
  }
}

/** One thread, one layer at a time. */
class LayerWorker {
  readonly #worker: Worker;
  #job = 0;
  #onReply: ((reply: WorkerReply) => void) | undefined;
  #onFailure: ((error: Error) => void) | undefined;
  #failure: Error | undefined;

  constructor(objects: ObjectStoreLocation | undefined, known: KnownDigestsMemory) {
    const workerData: WorkerSettings = { objects, known };
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), { workerData });
    this.#worker.on("message", (reply: WorkerReply) => this.#onReply?.(reply));
    this.#worker.on("error", (error: unknown) => this.fail(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on("exit", () => this.fail(new Error("a layer worker stopped")));
  }

  /** Ends what the worker is doing with an error. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#onFailure?.(this.#failure);
  }

  import(layer: LayerImport, onProgress: (bytes: number) => void): Promise<ImportedRecord> {
    const job: LayerJob = { id: ++this.#job, layer };
    return new Promise<ImportedRecord>((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#onFailure = reject;
      this.#onReply = (reply) => {
        if (reply.kind === "progress") onProgress(reply.bytes);
        else if (reply.kind === "failed") reject(errorFromRecord(reply.error));
        else {
          const policyFiles = reply.policyFiles.map(({ digest, content }) => ({ digest, content: asBuffer(content) }));
          resolve({ record: asBuffer(reply.record), entries: reply.entries, tarSize: reply.tarSize, policyFiles });
        }
      };
      this.#worker.postMessage(job);
    });
  }

  async close(): Promise<void> {
    this.#onReply = undefined;
    this.#onFailure = undefined;
    await this.#worker.terminate();
  }
}

/** A structured clone makes a Buffer a plain byte array: the same memory as a Buffer again. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
