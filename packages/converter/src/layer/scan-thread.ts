import { Worker } from "node:worker_threads";
import type { AbortOptions } from "@sluice/oci";
import type { LayerScan, ScanJob } from "./layer-scanner.js";
import { RunningScan } from "./running-scan.js";
import { threadLimits } from "./thread-limits.js";

/** A scanning thread stopped working; the cause says why. */
export class ScannerFailedError extends Error {
  override readonly name = "ScannerFailedError";
  readonly code = "SCANNER_FAILED";
}

/** A thread that scans one layer after the other. Started by the first; ended by a scan that is aborted, until the next one. */
export class ScanThread implements AsyncDisposable {
  readonly #script: URL;
  #worker: Worker | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #scans = 0;

  /** @param script `scan-worker.js`; another one in tests */
  constructor(script: URL) {
    this.#script = script;
  }

  /** Scans under way or waiting. */
  get scans(): number {
    return this.#scans;
  }

  /** As in `LayerScanner`. @throws {ScannerFailedError} when the thread ends in the middle */
  scan(job: ScanJob, content: AsyncIterable<Uint8Array>, { signal }: AbortOptions = {}): Promise<LayerScan> {
    this.#scans++;
    const scan = this.#last.then(() => this.#scan(job, content, signal));
    this.#last = scan
      .then(({ recipe }) => recipe)
      .catch(() => undefined)
      .finally(() => this.#scans--);
    return scan;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker?.terminate();
    await this.#last;
  }

  #scan(job: ScanJob, content: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): Promise<LayerScan> {
    signal?.throwIfAborted();
    this.#worker ??= this.#start();
    const worker = this.#worker;
    const running = new RunningScan(worker, job, content);
    let cause: unknown;
    const onError = (error: unknown): void => {
      cause = error;
    };
    const onExit = (code: number): void => {
      const failure = new ScannerFailedError(`a scanning thread ended with code ${code}`, { cause });
      running.fail(signal?.aborted === true ? signal.reason : failure);
    };
    const onAbort = (): void => {
      this.#worker = undefined;
      void worker.terminate(); // its end is the scan's
    };
    const forget = (): void => {
      worker.off("error", onError).off("exit", onExit);
      signal?.removeEventListener("abort", onAbort);
    };
    worker.on("error", onError).on("exit", onExit);
    signal?.addEventListener("abort", onAbort);
    void running.ended.finally(forget);
    return running.scan;
  }

  #start(): Worker {
    const worker = new Worker(this.#script, {
      execArgv: [], // options for the program that we run in are none for it
      resourceLimits: threadLimits,
    });
    worker.on("error", () => undefined); // the scan tells; between scans nobody needs to know
    worker.on("exit", () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    return worker;
  }
}
