// Waiting in a thread that works synchronously.

const never = new Int32Array(new SharedArrayBuffer(4));

/** Blocks the thread. */
export function waitSync(milliseconds: number): void {
  Atomics.wait(never, 0, 0, milliseconds);
}
