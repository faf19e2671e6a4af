import { setTimeout as sleep } from "node:timers/promises";
import type { AbortOptions } from "../abort-options.js";
import type { RetryConfig } from "./config.js";
import { RegistryError } from "./errors.js";

/**
 * The first success of `work`, tried again after a pause for as long as it fails in a way that may pass (`RegistryError.retryable`).
 * Rejects with the last failure, or with the signal's own reason, pauses included.
 */
export async function retrying<T>(
  config: RetryConfig,
  work: (attempt: number) => Promise<T>,
  options?: AbortOptions,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      options?.signal?.throwIfAborted();
      const pauseMs = attempt < config.maxAttempts ? pauseAfter(error, attempt, config) : undefined;
      if (pauseMs === undefined) throw error;
      await pause(pauseMs, options);
    }
  }
}

/** Milliseconds until the next attempt makes sense; undefined when it does not. */
export function pauseAfter(error: unknown, attempt: number, config: RetryConfig): number | undefined {
  if (!(error instanceof RegistryError && error.retryable)) return undefined;
  if (error.retryAfterMs !== undefined) {
    return error.retryAfterMs <= config.maxRetryAfterMs ? error.retryAfterMs : undefined;
  }
  const fullMs = Math.min(config.maxDelayMs, config.firstDelayMs * 2 ** (attempt - 1));
  return fullMs * (0.5 + Math.random() / 2);
}

/** @throws the signal's own reason */
export async function pause(pauseMs: number, options?: AbortOptions): Promise<void> {
  const signal = options?.signal;
  await sleep(pauseMs, undefined, signal ? { signal } : {}).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw error;
  });
}

/** `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), in milliseconds from now; undefined when absent or nonsense. */
export function parseRetryAfter(value: string | undefined, nowMs: number = Date.now()): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
