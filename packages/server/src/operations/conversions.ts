import { RecordConflictError } from "../records/records.js";
import type { ConversionsConfig, ConversionsPlaces } from "./conversions-config.js";
import type { KnownOperation } from "./operations.js";
import { RunningConversion } from "./running-conversion.js";

/**
 * Takes operations from the queue and runs them. Any number of processes may: each takes an operation by writing itself into it, which one of them can,
 * and touches it while it runs. Whose record has not changed for {@link ConversionsConfig.leaseMs}, by the clock of whoever looks, is taken up again.
 */
export class Conversions implements AsyncDisposable {
  readonly #places: ConversionsPlaces;
  readonly #config: ConversionsConfig;
  readonly #running = new Map<string, RunningConversion>();
  /** Versions of operations that others run, and when they were first seen. */
  readonly #seen = new Map<string, { readonly version: number; readonly sinceMs: number }>();
  readonly #timer: NodeJS.Timeout;
  #filling: Promise<void> | undefined;
  #isAskedAgain = false;
  #isClosed = false;

  constructor(places: ConversionsPlaces, config: ConversionsConfig) {
    this.#places = places;
    this.#config = config;
    this.#timer = setInterval(() => this.wake(), config.pollMs);
    this.#timer.unref();
    places.operations.onQueued(() => this.wake());
    this.wake();
  }

  /** The queue may have changed: looks at it, and at what runs here. */
  wake(): void {
    if (this.#isClosed) return;
    for (const running of this.#running.values()) running.look();
    this.#isAskedAgain = true;
    this.#filling ??= this.#fillWhileAsked().finally(() => {
      this.#filling = undefined;
    });
  }

  /** Ends what runs; it goes on in another process, or after the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#filling;
    await Promise.all([...this.#running.values()].map((running) => running.stop()));
  }

  async #fillWhileAsked(): Promise<void> {
    while (this.#isAskedAgain && !this.#isClosed) {
      this.#isAskedAgain = false;
      try {
        await this.#fill();
      } catch (error) {
        this.#places.log.warn({ err: error }, "cannot look at the queue of conversions; it is tried again");
      }
    }
  }

  async #fill(): Promise<void> {
    if (this.#running.size >= this.#config.concurrency) return;
    const passed = new Set<string>();
    for await (const known of this.#places.operations.queued()) {
      if (this.#isClosed || this.#running.size >= this.#config.concurrency) return;
      passed.add(known.key);
      if (this.#isFree(known)) await this.#take(known);
    }
    for (const id of this.#seen.keys()) if (!passed.has(id)) this.#seen.delete(id); // the whole queue was seen
  }

  #isFree({ key, version, document }: KnownOperation): boolean {
    if (this.#running.has(key)) return false;
    if (document.status === "NotStarted") return !(Date.parse(document.notBefore ?? "") > Date.now());
    const seen = this.#seen.get(key);
    if (this.#config.leaseMs > 0 && seen?.version !== version) {
      this.#seen.set(key, { version, sinceMs: performance.now() });
      return false;
    }
    return performance.now() - (seen?.sinceMs ?? 0) >= this.#config.leaseMs;
  }

  async #take(known: KnownOperation): Promise<void> {
    const { operations, log } = this.#places;
    const { worker } = this.#config;
    const now = new Date().toISOString();
    const { isCancelRequested, startedAt = now, attempts, status } = known.document;
    const deaths = (known.document.deaths ?? 0) + (status === "Running" ? 1 : 0);
    try {
      if (isCancelRequested === true) {
        await operations.change(known, { status: "Canceled", finishedAt: now });
        return;
      }
      if (deaths >= this.#config.maxDeaths) {
        const error = { code: "UNKNOWN_ERROR", message: `its worker died ${deaths} times over it` } as const;
        await operations.change(known, { status: "Failed", deaths, error, finishedAt: now });
        return;
      }
      const attempt = { status: "Running", worker, startedAt, attempts: attempts + 1, progressPercent: 0 } as const;
      const taken = await operations.change(known, { ...attempt, ...(deaths > 0 && { deaths }) });
      const running = new RunningConversion(taken, this.#places, this.#config);
      this.#running.set(known.key, running);
      void running.done.finally(() => {
        this.#running.delete(known.key);
        this.wake();
      });
      log.info({ operation: known.key, repository: known.document.repository }, "conversion begins");
    } catch (error) {
      // Another process was first, or it has just been cancelled.
      if (!(error instanceof RecordConflictError)) throw error;
    }
  }
}
