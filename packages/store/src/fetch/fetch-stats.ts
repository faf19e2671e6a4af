import type { FetchCause } from "./fetch-request.js";

export interface CauseStats {
  readonly requests: number;
  /** Compressed bytes received, gaps included. */
  readonly bytes: number;
  /** Chunks brought and verified. */
  readonly chunks: number;
}

export interface FetchStats extends CauseStats {
  readonly byCause: Readonly<Record<FetchCause, CauseStats>>;
  /** Requests under way. */
  readonly inFlight: number;
  /** Attempts after the first. */
  readonly retries: number;
  /** Chunks that were given up. */
  readonly failures: number;
  /** Answers that did not hash to what was asked for, or were no zstd frame of the right size. */
  readonly wrongBytes: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const none = (): Mutable<CauseStats> => ({ requests: 0, bytes: 0, chunks: 0 });

/** Counts what a fetcher does. */
export class FetchCounters {
  readonly #byCause: Record<FetchCause, Mutable<CauseStats>> = {
    demand: none(),
    startup: none(),
    "read-ahead": none(),
    background: none(),
  };
  inFlight = 0;
  retries = 0;
  failures = 0;
  wrongBytes = 0;

  of(cause: FetchCause): Mutable<CauseStats> {
    return this.#byCause[cause];
  }

  snapshot(): FetchStats {
    const total = none();
    for (const { requests, bytes, chunks } of Object.values(this.#byCause)) {
      total.requests += requests;
      total.bytes += bytes;
      total.chunks += chunks;
    }
    const { inFlight, retries, failures, wrongBytes } = this;
    return { ...total, byCause: structuredClone(this.#byCause), inFlight, retries, failures, wrongBytes };
  }
}
