// The layer worker thread: takes one layer at a time and works it off synchronously. Its messages are in messages.ts.

import { parentPort, workerData } from "node:worker_threads";
import { errorToRecord } from "../errors.ts";
import { ObjectStore } from "../store/objects.ts";
import { nowhere, type ObjectSink } from "./content.ts";
import { importLayer } from "./import-layer.ts";
import { KnownDigests } from "./known-digests.ts";
import type { LayerJob, WorkerReply, WorkerSettings } from "./messages.ts";

const port = parentPort;
if (port === null) throw new Error("ingest/worker.ts runs as a worker thread only");

const settings = workerData as WorkerSettings;
const sink: ObjectSink =
  settings.objects === undefined
    ? nowhere
    : new ObjectStore({ ...settings.objects, known: new KnownDigests(settings.known) });

const reply = (message: WorkerReply, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);

/** Bytes between two reports of progress: a message costs the worker up to a millisecond. */
const REPORT_SIZE = 8 * 1024 * 1024;

port.on("message", (job: LayerJob) => {
  let unreported = 0;
  const report = (): void => {
    if (unreported > 0) reply({ kind: "progress", job: job.id, bytes: unreported });
    unreported = 0;
  };
  const onProgress = (bytes: number): void => {
    unreported += bytes;
    if (unreported >= REPORT_SIZE) report();
  };
  importLayer(job.layer, sink, onProgress).then(
    ({ record, entries, tarSize, policyFiles }) => {
      report();
      // One buffer of its own, so that it can be handed over instead of copied.
      const whole = new Uint8Array(record.reduce((sum, piece) => sum + piece.length, 0));
      let offset = 0;
      for (const piece of record) {
        whole.set(piece, offset);
        offset += piece.length;
      }
      reply({ kind: "done", job: job.id, record: whole, entries, tarSize, policyFiles }, [whole.buffer]);
    },
    (error: unknown) => reply({ kind: "failed", job: job.id, error: errorToRecord(error) }),
  );
});
