import type { Logger } from "pino";
import type { CheckPublished } from "./check-published.js";
import type { ConversionRunner } from "./conversion-runner.js";
import type { Operations } from "./operations.js";

/** How a process converts. */
export interface ConversionsConfig {
  /** Names this process among those that convert. */
  readonly worker: string;
  /** Conversions at once in this process; each uses all processors for most of its time. */
  readonly concurrency: number;
  /** How often the queue is looked at, besides when this process has changed it. Milliseconds. */
  readonly pollMs: number;
  /** A running operation that nobody has touched for so long has lost its worker. Milliseconds; 0 where no other process converts. */
  readonly leaseMs: number;
  /** Attempts in all, but for those whose worker died. */
  readonly maxAttempts: number;
  /** An operation whose worker died so often is held to be the reason. */
  readonly maxDeaths: number;
  /** Before the second attempt; twice as long before each next one. Milliseconds. */
  readonly backOffMs: number;
}

export const defaultConversions: Omit<ConversionsConfig, "worker"> = {
  concurrency: 1,
  pollMs: 2_000,
  leaseMs: 30_000,
  maxAttempts: 5,
  maxDeaths: 20, // more than a bad day of restarts brings; one that does kill its registry must end, too
  backOffMs: 5_000,
};

/** What conversions work with. */
export interface ConversionsPlaces {
  readonly operations: Operations;
  readonly check: CheckPublished;
  readonly runner: ConversionRunner;
  readonly log: Logger;
}
