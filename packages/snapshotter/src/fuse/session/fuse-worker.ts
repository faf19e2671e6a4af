import { MessageChannel, type MessagePort } from "node:worker_threads";
import type { DiskChange } from "../serve/disk-files.js";
import type { WorkerMessage, WorkerStart } from "../serve/messages.js";
import { takeThread } from "./prepared-threads.js";

/** What every worker of a session is started with. */
export type SharedStart = Omit<WorkerStart, "changes">;

/** One worker thread that answers requests. Told of disks through its port; ends with the connection, or by accident. */
export class FuseWorker {
  /** Settles when the worker is about to take its first request; rejects if it ends before. */
  readonly ready: Promise<void>;
  /** Resolves when the thread has ended, to whether that was the end of the connection. */
  readonly ended: Promise<boolean>;
  readonly #port: MessagePort;

  /** @param known changes that the worker knows of before it takes a request */
  constructor(
    start: SharedStart,
    known: Iterable<DiskChange>,
    onMessage: (message: WorkerMessage) => void,
    onError: (error: unknown) => void,
  ) {
    const channel = new MessageChannel();
    this.#port = channel.port1;
    this.#port.unref();
    const worker = takeThread();
    for (const change of known) this.tell(change); // before the start: a prepared thread begins at once
    worker.postMessage({ ...start, changes: channel.port2 } satisfies WorkerStart, [channel.port2]);
    let isOver = false;
    let cause: unknown;
    this.ended = new Promise((resolve) => worker.once("exit", () => resolve(isOver)));
    this.ready = new Promise((resolve, reject) => {
      worker.on("message", (message: WorkerMessage) => {
        if (message.kind === "ready") resolve();
        else if (message.kind === "ended") isOver = true;
        else onMessage(message);
      });
      worker.once("exit", () => reject(new Error("the worker ended before it took a request", { cause })));
    });
    this.ready.catch(() => undefined); // who starts it may not wait
    worker.on("error", (error) => {
      cause = error;
      onError(error);
    });
    void this.ended.then(() => this.#port.close());
  }

  /** Seen by the worker before it answers another request, if the epoch rises after this call. */
  tell(change: DiskChange): void {
    this.#port.postMessage(change);
  }
}
