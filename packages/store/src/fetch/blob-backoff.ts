import type { Digest } from "@sluice/oci/content";
import type { FetchConfig } from "./fetch-config.js";

interface Pause {
  readonly delayMs: number;
  readonly untilMs: number;
}

/** How long to leave a blob alone whose requests fail in a way that may pass, so that neighbours wait together instead of each trying on its own. */
export class BlobBackoff {
  readonly #config: Pick<FetchConfig, "retryDelayMs" | "maxRetryDelayMs">;
  readonly #pauses: Map<Digest, Pause> = new Map();

  constructor(config: Pick<FetchConfig, "retryDelayMs" | "maxRetryDelayMs">) {
    this.#config = config;
  }

  /** Twice as long as the last pause if that is over; what fails during one is part of the same trouble. */
  failed(blob: Digest): void {
    const now = performance.now();
    const last = this.#pauses.get(blob);
    if (last !== undefined && now < last.untilMs) return;
    const { retryDelayMs, maxRetryDelayMs } = this.#config;
    const delayMs = Math.min(maxRetryDelayMs, last === undefined ? retryDelayMs : last.delayMs * 2);
    this.#pauses.set(blob, { delayMs, untilMs: now + delayMs * (0.5 + Math.random() / 2) });
  }

  succeeded(blob: Digest): void {
    this.#pauses.delete(blob);
  }

  /** Milliseconds until the blob should be asked for again. */
  remainingMs(blob: Digest): number {
    return Math.max(0, (this.#pauses.get(blob)?.untilMs ?? 0) - performance.now());
  }
}
