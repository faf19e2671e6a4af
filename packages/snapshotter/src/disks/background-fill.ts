import { setTimeout as sleep } from "node:timers/promises";
import type { ChunkStore, FetchStats } from "@sluice/store";
import PQueue from "p-queue";
import { chunkPlace, tableOf } from "./chunk-place.js";
import type { ChunkGetter } from "./chunks-ahead.js";
import type { DiskMap } from "./disk-map.js";

export interface BackgroundFillOptions {
  readonly chunks: Pick<ChunkGetter, "fetch"> & { stats(): Pick<FetchStats, "inFlight" | "byCause"> };
  readonly store: Pick<ChunkStore, "stats">;
  /** Compressed bytes a second at most; 0 is no limit. */
  readonly rateBytesPerSecond: number;
  /** So long nobody must have waited for the network before the fill goes on. Milliseconds. */
  readonly quietMs?: number | undefined;
  /** Between two rounds over what could not be fetched; doubles with each. Milliseconds. */
  readonly againMs?: number | undefined;
}

/** How a fill ended: everything is here; or the store has no room for it. */
export type FillOutcome = "complete" | "no-room";

/** One request. Small, so that a reader who comes waits for little. Compressed bytes. */
const batchBytes = 1024 * 1024;
const maxAgainMs = 10 * 60_000;
/** A chunk is written in less, where the disk is not busy. Milliseconds. */
const firstLookMs = 20;

/**
 * Fetches what open disks still lack, one disk after the other, when no reader waits for the network: afterwards they need no registry. What is there already is not
 * asked for, so a fill goes on where an earlier life of the daemon stopped.
 */
export class BackgroundFill {
  readonly #options: BackgroundFillOptions;
  readonly #queue = new PQueue({ concurrency: 1 });
  /** Requests for readers, when they were last looked at. */
  #demandSeen = 0;

  constructor(options: BackgroundFillOptions) {
    this.#options = options;
  }

  /** Resolves when the disk is complete or cannot be. Rejects with the signal's reason once it fires. */
  async fill(map: DiskMap, signal: AbortSignal): Promise<FillOutcome> {
    const { againMs = 30_000 } = this.#options;
    for (let pauseMs = againMs; ; pauseMs = Math.min(pauseMs * 2, maxAgainMs)) {
      const missing = missingChunks(map);
      if (missing.length === 0) return "complete";
      if (!this.#hasRoomFor(map, missing)) return "no-room";
      await this.#queue.add(() => this.#round(map, missing, signal), { signal });
      await this.#pause(map, pauseMs, signal).catch(() => signal.throwIfAborted());
    }
  }

  /** Until the time is over or everything is here: a chunk that was fetched is stored a moment later. */
  async #pause(map: DiskMap, pauseMs: number, signal: AbortSignal): Promise<void> {
    for (let passedMs = 0, stepMs = firstLookMs; passedMs < pauseMs; passedMs += stepMs, stepMs *= 2) {
      if (missingChunks(map).length === 0) return;
      await sleep(Math.min(stepMs, pauseMs - passedMs), undefined, { signal, ref: false });
    }
  }

  /** One try at each chunk; while the store keeps nothing, at one chunk, which tells whether it does again. */
  async #round(map: DiskMap, missing: readonly number[], signal: AbortSignal): Promise<void> {
    const { chunks, rateBytesPerSecond } = this.#options;
    for (const batch of batchesOf(map, missing)) {
      await this.#quiet(signal);
      const isDegraded = this.#keepsNothing;
      const wanted = batch.filter((chunk) => !map.isStored(chunk)).slice(0, isDegraded ? 1 : undefined);
      const started = performance.now();
      // Asked for in one turn: neighbours share a request. What fails is tried again in the next round.
      await Promise.allSettled(
        wanted.map((chunk) => chunks.fetch(chunkPlace(map.toc, chunk), "background", () => undefined, { signal })),
      );
      signal.throwIfAborted();
      if (isDegraded && this.#keepsNothing) return;
      if (rateBytesPerSecond === 0) continue;
      const restMs = (compressedBytes(map, wanted) / rateBytesPerSecond) * 1000 - (performance.now() - started);
      if (restMs > 0) await sleep(restMs, undefined, { signal, ref: false });
    }
  }

  /** Resolves when nothing is on its way and no reader has asked for anything for a while. */
  async #quiet(signal: AbortSignal): Promise<void> {
    const { chunks, quietMs = 500 } = this.#options;
    for (;;) {
      const { inFlight, byCause } = chunks.stats();
      const { requests } = byCause.demand;
      if (inFlight === 0 && requests === this.#demandSeen) return;
      this.#demandSeen = requests;
      await sleep(quietMs, undefined, { signal, ref: false });
    }
  }

  /** What is fetched now would be fetched again. */
  get #keepsNothing(): boolean {
    return this.#options.store.stats().degraded !== undefined;
  }

  #hasRoomFor(map: DiskMap, missing: readonly number[]): boolean {
    const { bytes, budgetBytes } = this.#options.store.stats();
    const wanted = missing.reduce((sum, chunk) => sum + chunkPlace(map.toc, chunk).sizeBytes, 0);
    return bytes + wanted <= budgetBytes;
  }
}

/** What the disk wants and is not here, so that neighbours in a blob follow one another. */
const missingChunks = (map: DiskMap): number[] => map.wantedChunks().filter((chunk) => !map.isStored(chunk));

const compressedBytes = (map: DiskMap, chunks: readonly number[]): number =>
  chunks.reduce((sum, chunk) => sum + sizeOf(map, chunk), 0);

function sizeOf(map: DiskMap, chunk: number): number {
  const { table, row } = tableOf(map.toc, chunk);
  return table.compressedSize[row] ?? 0;
}

function* batchesOf(map: DiskMap, chunks: readonly number[]): Generator<readonly number[]> {
  let batch: number[] = [];
  let bytes = 0;
  for (const chunk of chunks) {
    batch.push(chunk);
    bytes += sizeOf(map, chunk);
    if (bytes < batchBytes) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
