import { Worker } from "node:worker_threads";
import type { PushOrder, PushReport, PushStart } from "./messages.js";

/** It reads one chunk after the other into buffers of its own. */
const resourceLimits = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 } as const;

/** One life of the push thread. It does not keep the process alive. */
export class PushThread {
  /** Resolves when the thread has ended, to why; undefined if it was told to. */
  readonly ended: Promise<unknown>;
  readonly #worker: Worker;
  #told = false;

  constructor(start: PushStart, onReport: (report: PushReport) => void) {
    this.#worker = new Worker(new URL("../push-worker.js", import.meta.url), {
      workerData: start,
      resourceLimits,
      trackUnmanagedFds: false, // it throws away all that it has in common with the process
      execArgv: [], // flags of the process, such as --input-type, are not meant for this file
    });
    this.#worker.unref();
    this.#worker.on("message", onReport);
    let cause: unknown = new Error("the thread ended");
    this.#worker.on("error", (error) => {
      cause = error;
    });
    this.ended = new Promise((resolve) => this.#worker.once("exit", () => resolve(this.#told ? undefined : cause)));
  }

  tell(order: PushOrder): void {
    this.#worker.postMessage(order);
  }

  /** Ends the thread as soon as the kernel lets go of it: a store that waits for a page ends with that page's read, or with the connection. */
  async end(): Promise<void> {
    this.#told = true;
    await this.#worker.terminate();
    await this.ended;
  }
}
