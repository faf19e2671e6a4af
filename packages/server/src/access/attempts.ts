import { LRUCache } from "lru-cache";
import { RegistryError } from "../registry/registry-error.js";

/** Wrong passwords from one address within a minute; then it waits. */
export const defaultMaxFailures = 20;
const windowMs = 60_000;

/** Counts wrong passwords by address: guessing must not be cheap, for them or for us. In this process only. */
export class Attempts {
  readonly #failures = new LRUCache<string, number>({ max: 10_000, ttl: windowMs, noUpdateTTL: true });

  readonly #maxFailures: number;

  constructor(maxFailures: number) {
    this.#maxFailures = maxFailures;
  }

  /** @throws {RegistryError} TOOMANYREQUESTS */
  admit(address: string): void {
    if ((this.#failures.get(address) ?? 0) < this.#maxFailures) return;
    throw new RegistryError("TOOMANYREQUESTS", "too many wrong passwords from this address; wait a minute", undefined, {
      headers: { "retry-after": String(windowMs / 1000) },
    });
  }

  failed(address: string): void {
    this.#failures.set(address, (this.#failures.get(address) ?? 0) + 1);
  }
}
