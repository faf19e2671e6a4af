import PQueue from "p-queue";
import type { FetchConfig } from "./fetch-config.js";
import { type FetchCause, rankOf } from "./fetch-request.js";

/** Runs requests by rank, a few at a time. Some lanes are for demand alone, so a reader never waits for a prefetch to end. */
export class RangeQueue {
  readonly #all: PQueue;
  readonly #prefetch: PQueue;

  constructor(config: Pick<FetchConfig, "maxRequests" | "demandRequests">) {
    this.#all = new PQueue({ concurrency: config.maxRequests });
    this.#prefetch = new PQueue({ concurrency: config.maxRequests - config.demandRequests });
  }

  /** Rejects with the signal's reason if it fires while the task waits; once the task runs, ending is the task's business. */
  async run(cause: FetchCause, task: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const options = { priority: rankOf[cause], signal };
    if (cause === "demand") await this.#all.add(task, options);
    else await this.#prefetch.add(() => this.#all.add(task, options), options);
  }
}
