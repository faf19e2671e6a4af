import { availableParallelism } from "node:os";

/** Deadlines of one HTTP attempt. Milliseconds. The caller's signal bounds the whole. */
export interface TimeoutConfig {
  /** TCP and TLS. */
  readonly connectMs: number;
  /** From the last byte of the request to the headers of the answer, connecting included. */
  readonly headersMs: number;
  /** Waiting for the body, as long as less than `minProgressBytes` arrive or leave. Time the reader takes does not count. */
  readonly idleMs: number;
  /** Bytes that count as progress within `idleMs`. */
  readonly minProgressBytes: number;
  /**
   * Waiting for one body in all: `idleMs` plus its bytes so far at this rate. A body that drips just fast enough for `minProgressBytes`
   * ends here, and a retry may find a better connection. Bytes per second.
   */
  readonly minBytesPerSecond: number;
  /** For the whole body of a document: manifest, list, token, error. */
  readonly documentMs: number;
}

/** How often and how fast a failed request is made again. */
export interface RetryConfig {
  /** In all, the first included. */
  readonly maxAttempts: number;
  /** Upper end of the first pause; each next one is twice as long. The pause is drawn between half of it and all of it. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** A registry that asks for a longer pause (`Retry-After`) is not waited for. */
  readonly maxRetryAfterMs: number;
}

export const defaultTimeouts: TimeoutConfig = {
  connectMs: 10_000,
  headersMs: 20_000, // three attempts fit into a reader's 60 s (`fetch.deadline`)
  idleMs: 20_000,
  minProgressBytes: 1024, // a byte now and then is a stall, too
  minBytesPerSecond: 4096, // a modem; below it, 4 MiB take a quarter of an hour
  documentMs: 60_000, // 4 MiB at 1 Mbit/s take 34 s
};

/** Of a mirror, which another host stands in for: it costs a start less to ask that one. Two mirrors that hang leave time for the registry within a stall of 10 s. */
export const mirrorTimeouts: TimeoutConfig = {
  connectMs: 2_000, // a mirror is near
  headersMs: 4_000,
  idleMs: 4_000,
  minProgressBytes: 4096,
  minBytesPerSecond: 65_536, // half of 1 Mbit/s: the registry is hardly slower
  documentMs: 10_000,
};

export const defaultRetry: RetryConfig = {
  maxAttempts: 5,
  firstDelayMs: 200,
  maxDelayMs: 5_000,
  maxRetryAfterMs: 30_000,
};

/** Connections per host. Enough to fill 1 Gbit/s at 20 ms with ranged reads; a registry's per-client limits are higher. */
export const defaultConnections: number = Math.max(16, 4 * availableParallelism());
