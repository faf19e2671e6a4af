import type { RegistryError } from "../registry/registry-error.js";

/** How much there may be in one place. */
export interface QuotaSettings {
  /** Undefined: as much as there is room for. */
  readonly maxBytes?: number | undefined;
  /** Pushes are answered with a warning from this share of it on. */
  readonly warnPercent: number;
}

export const unlimited: QuotaSettings = { warnPercent: 80 };

export interface AllowanceConfig {
  /** How long settings and the sum of what is there count before they are read again. Milliseconds. */
  readonly freshMs: number;
  /** How long the sum counts at least, however many pushes are refused by it: it takes a while. Milliseconds. */
  readonly minFreshMs: number;
}

export const defaultAllowance: AllowanceConfig = { freshMs: 10 * 60_000, minFreshMs: 30_000 };

/** The place that an allowance is for. */
export interface BoundedPlace {
  settings(): Promise<QuotaSettings>;
  /** Of what is there. Bytes. */
  sum(): Promise<number>;
  refusal(maxBytes: number, usedBytes: number): RegistryError;
}

/**
 * Counts bytes against a quota, as they come. What is there is summed now and then, and what this process takes is added in between: bytes that other
 * processes take meanwhile, and of uploads that go on while it is summed, are not, so that it is exact to these.
 */
export class Allowance {
  readonly #place: BoundedPlace;
  readonly #config: AllowanceConfig;
  #settings: QuotaSettings = unlimited;
  #settingsAtMs = Number.NEGATIVE_INFINITY;
  #usedBytes = 0;
  #summedAtMs = Number.NEGATIVE_INFINITY;
  #summing: Promise<void> | undefined;

  constructor(place: BoundedPlace, config: AllowanceConfig) {
    this.#place = place;
    this.#config = config;
  }

  /** @throws {RegistryError} the place's refusal, when there is no room for so many more; they are not counted then */
  async take(bytes: number): Promise<void> {
    const { maxBytes } = await this.#current();
    if (maxBytes === undefined) return;
    await this.#sumUnlessYoungerThan(this.#config.freshMs);
    if (this.#usedBytes + bytes > maxBytes) await this.#sumUnlessYoungerThan(this.#config.minFreshMs);
    if (this.#usedBytes + bytes > maxBytes) throw this.#place.refusal(maxBytes, this.#usedBytes);
    this.#usedBytes += bytes;
  }

  /** How full it is, once that is worth a warning. */
  async warning(): Promise<{ readonly percent: number; readonly maxBytes: number } | undefined> {
    const { maxBytes, warnPercent } = await this.#current();
    if (maxBytes === undefined) return undefined;
    await this.#sumUnlessYoungerThan(this.#config.freshMs);
    const percent = Math.floor((100 * this.#usedBytes) / Math.max(1, maxBytes));
    return percent < warnPercent ? undefined : { percent, maxBytes };
  }

  /** The settings were changed. */
  forgetSettings(): void {
    this.#settingsAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Something was removed: what is there is summed anew when it counts next. */
  forgetSum(): void {
    this.#summedAtMs = Number.NEGATIVE_INFINITY;
  }

  async #current(): Promise<QuotaSettings> {
    const nowMs = performance.now();
    if (nowMs - this.#settingsAtMs > this.#config.minFreshMs) {
      this.#settingsAtMs = nowMs;
      this.#settings = await this.#place.settings();
    }
    return this.#settings;
  }

  async #sumUnlessYoungerThan(ageMs: number): Promise<void> {
    if (performance.now() - this.#summedAtMs <= ageMs) return;
    this.#summing ??= this.#sum().finally(() => {
      this.#summing = undefined;
    });
    await this.#summing;
  }

  async #sum(): Promise<void> {
    const startedAtMs = performance.now();
    this.#usedBytes = await this.#place.sum();
    this.#summedAtMs = startedAtMs;
  }
}
