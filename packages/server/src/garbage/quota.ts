import type { BlobStore } from "@sluice/store";
import type { Records } from "../records/records.js";
import { RegistryError } from "../registry/registry-error.js";

/** How much a registry may hold. */
export interface QuotaSettings {
  /** Of blobs on the storage. Undefined: as much as there is room for. */
  readonly maxBytes?: number | undefined;
  /** Pushes are answered with a warning from this share of it on. */
  readonly warnPercent: number;
}

export interface QuotaConfig {
  /** How long settings and the sum of the storage count before they are read again. Milliseconds. */
  readonly freshMs: number;
  /** How long the sum counts at least, however many pushes are refused by it: it lists every blob. Milliseconds. */
  readonly minFreshMs: number;
}

const [kind, key] = ["setting", "quota"];
const unlimited: QuotaSettings = { warnPercent: 80 };
const defaultConfig: QuotaConfig = { freshMs: 10 * 60_000, minFreshMs: 30_000 };

/**
 * Refuses bytes beyond the quota, as they come. What is stored is summed now and then, and what this process takes is added in between: bytes
 * that other processes take meanwhile, and of uploads that go on while it is summed, are not, so that it is exact to these.
 */
export class Quota {
  readonly #records: Records;
  readonly #blobs: BlobStore;
  readonly #config: QuotaConfig;
  #settings: QuotaSettings = unlimited;
  #settingsAtMs = Number.NEGATIVE_INFINITY;
  #usedBytes = 0;
  #summedAtMs = Number.NEGATIVE_INFINITY;
  #summing: Promise<void> | undefined;

  constructor(records: Records, blobs: BlobStore, config: QuotaConfig = defaultConfig) {
    this.#records = records;
    this.#blobs = blobs;
    this.#config = config;
  }

  async settings(): Promise<QuotaSettings> {
    return (await this.#records.get<QuotaSettings>(kind, key))?.document ?? unlimited;
  }

  async change(settings: QuotaSettings): Promise<void> {
    await this.#records.put(kind, key, settings);
    this.#settingsAtMs = Number.NEGATIVE_INFINITY;
  }

  /** The same bytes. @throws {RegistryError} DENIED once the registry is full */
  async *bounded(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of source) {
      await this.#take(piece.byteLength);
      yield piece;
    }
  }

  /** A sentence for whoever pushes, when little is left. */
  async remark(): Promise<string | undefined> {
    const { maxBytes, warnPercent } = await this.#current();
    if (maxBytes === undefined) return undefined;
    await this.#sumUnlessYoungerThan(this.#config.freshMs);
    const percent = Math.floor((100 * this.#usedBytes) / Math.max(1, maxBytes));
    if (percent < warnPercent) return undefined;
    return `the registry holds ${percent} % of its quota of ${maxBytes} bytes; pushes beyond it are refused`;
  }

  /** Something was removed: what is stored is summed anew when it counts next. */
  forgetSum(): void {
    this.#summedAtMs = Number.NEGATIVE_INFINITY;
  }

  async #take(bytes: number): Promise<void> {
    const { maxBytes } = await this.#current();
    if (maxBytes === undefined) return;
    await this.#sumUnlessYoungerThan(this.#config.freshMs);
    if (this.#usedBytes + bytes > maxBytes) await this.#sumUnlessYoungerThan(this.#config.minFreshMs);
    if (this.#usedBytes + bytes > maxBytes) {
      throw new RegistryError(
        "DENIED",
        `the registry's quota of ${maxBytes} bytes is used up: delete images and run \`sluice registry gc\`, or have it raised (\`sluice usage quota\`)`,
        { maxBytes, usedBytes: this.#usedBytes },
      );
    }
    this.#usedBytes += bytes;
  }

  async #current(): Promise<QuotaSettings> {
    const nowMs = performance.now();
    if (nowMs - this.#settingsAtMs > this.#config.minFreshMs) {
      this.#settingsAtMs = nowMs;
      this.#settings = await this.settings();
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
    let usedBytes = 0;
    for await (const { sizeBytes } of this.#blobs.list()) usedBytes += sizeBytes;
    this.#usedBytes = usedBytes;
    this.#summedAtMs = startedAtMs;
  }
}
