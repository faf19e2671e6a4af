import { digestOfHash } from "@sluice/oci/content";
import { isErrno } from "../errno.js";
import { isIndexFailure } from "./chunk-index.js";
import { ReadersStuckError } from "./store-errors.js";

/** Something the operator of a node should know. `message` is a whole sentence for the log; `level` is the log's. */
export interface ChunkStoreEvent {
  readonly kind: "degraded" | "recovered" | "damaged" | "healed" | "rebuilt" | "torn";
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly cause?: unknown;
}

/** Whether the store can keep chunks at the moment, and the counters that say how well it did. */
export class StoreHealth {
  readonly #onEvent: (event: ChunkStoreEvent) => void;
  readonly #retryAfterMs: number;
  #degraded: string | undefined;
  #retryAtMs = 0;
  #awaitsSync = false;
  #isIndexSuspect = false;
  evictions = 0;
  damaged = 0;
  healed = 0;
  notStored = 0;

  /** @param retryAfterMs how long to answer `not-stored` at once before the disk is tried again */
  constructor(onEvent: (event: ChunkStoreEvent) => void, retryAfterMs: number) {
    this.#onEvent = onEvent;
    this.#retryAfterMs = retryAfterMs;
  }

  get degraded(): string | undefined {
    return this.#degraded;
  }

  /** Degraded, and too early to try again. */
  get isResting(): boolean {
    return this.#degraded !== undefined && performance.now() < this.#retryAtMs;
  }

  /** A write failed: the index refuses every other until it is opened again. */
  get isIndexSuspect(): boolean {
    return this.#isIndexSuspect;
  }

  report(event: ChunkStoreEvent): void {
    this.#onEvent(event);
  }

  /** Until the next write succeeds. */
  degrade(cause: unknown): void {
    this.#isIndexSuspect = true;
    this.#degrade(cause, cause instanceof Error ? cause.message : String(cause));
  }

  /** The index cannot be read, or did not take what it was told. */
  indexFailed(cause: unknown): void {
    const why = cause instanceof Error ? ((cause.cause as Error | undefined) ?? cause).message : String(cause);
    this.#isIndexSuspect = true;
    this.#degrade(cause, `its index failed: ${why}`);
  }

  /** Writing back failed, so that writes succeed proves nothing: until the next sync succeeds. */
  degradeUntilSynced(cause: unknown, path: string): void {
    this.#awaitsSync = true;
    const why = cause instanceof Error ? cause.message : String(cause);
    this.#degrade(cause, `the disk lost what was written to ${path}: ${why}`);
  }

  synced(): void {
    this.#awaitsSync = false;
    if (!this.#isIndexSuspect) this.recover();
  }

  #degrade(cause: unknown, reason: string): void {
    const isNews = this.#degraded === undefined;
    this.#degraded = reason;
    this.#retryAtMs = performance.now() + this.#retryAfterMs;
    if (!isNews) return;
    const message = `chunk store cannot keep chunks: ${reason}; serving from memory and the network, trying again every ${this.#retryAfterMs} ms`;
    this.report({ kind: "degraded", level: "error", message, cause });
  }

  /** A write succeeded. */
  recover(): void {
    this.#isIndexSuspect = false;
    if (this.#degraded === undefined || this.#awaitsSync) return;
    this.report({
      kind: "recovered",
      level: "info",
      message: `chunk store keeps chunks again, after: ${this.#degraded}`,
    });
    this.#degraded = undefined;
  }

  /** @param id 32 raw bytes */
  foundDamage(id: Uint8Array, where: string): void {
    this.damaged++;
    const message = `chunk ${digestOfHash(id)} in ${where} is damaged; dropped, it will be fetched again`;
    this.report({ kind: "damaged", level: "warn", message });
  }

  /** @param id 32 raw bytes */
  heal(id: Uint8Array): void {
    this.healed++;
    this.report({ kind: "healed", level: "info", message: `chunk ${digestOfHash(id)} was damaged and is stored anew` });
  }
}

/** Whether the disk, and not the program, is why a write failed: the chunk is not kept then, and nobody else need care. */
export function isDiskFailure(error: unknown): boolean {
  if (error instanceof ReadersStuckError) return true;
  if (isErrno(error, "ENOSPC", "EDQUOT", "EIO", "EROFS", "EMFILE", "ENFILE", "EFBIG")) return true;
  return isIndexFailure(error);
}
