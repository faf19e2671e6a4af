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

  /**
   * Twice as long as the last pause if that is over; what fails during one is part of the same trouble. A source that asks for a pause (`retryAfterMs` of the error)
   * gets it, within reason.
   */
  failed(blob: Digest, error?: unknown): void {
    const now = performance.now();
    const last = this.#pauses.get(blob);
    const askedMs = pauseAskedFor(error);
    if (last !== undefined && now < last.untilMs && askedMs === 0) return;
    const { retryDelayMs, maxRetryDelayMs } = this.#config;
    const delayMs = Math.min(maxRetryDelayMs, last === undefined ? retryDelayMs : last.delayMs * 2);
    const untilMs = now + Math.max(delayMs * (0.5 + Math.random() / 2), askedMs);
    this.#pauses.set(blob, { delayMs, untilMs });
  }

  succeeded(blob: Digest): void {
    this.#pauses.delete(blob);
  }

  /** Milliseconds until the blob should be asked for again. */
  remainingMs(blob: Digest): number {
    return Math.max(0, (this.#pauses.get(blob)?.untilMs ?? 0) - performance.now());
  }
}

/** A reader may have to be told before its end, so not for longer. Milliseconds. */
const maxAskedMs = 15_000;

function pauseAskedFor(error: unknown): number {
  const asked = error instanceof Error && "retryAfterMs" in error ? error.retryAfterMs : undefined;
  return typeof asked === "number" && asked > 0 ? Math.min(asked, maxAskedMs) : 0;
}
