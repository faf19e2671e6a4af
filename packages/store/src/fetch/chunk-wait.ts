import type { AbortOptions } from "@sluice/oci/content";
import type { FetchCause } from "./fetch-request.js";

/** What a reader may have waited for, in the order in which a chunk passes it. */
export const waitStages = ["disk", "queue", "retry", "registry", "transfer", "decompression", "daemon"] as const;

/**
 * - `disk`: the chunk was looked for in the store, or read from it.
 * - `queue`: other requests had all lanes.
 * - `retry`: from the first request to the last one, which brought it.
 * - `registry`: from that request to its first byte.
 * - `transfer`: until the last byte of the chunk was there.
 * - `decompression`: that, and the check of its digest.
 * - `daemon`: everything else: it had too much to do, or its machine.
 */
export type WaitStage = (typeof waitStages)[number];

/** What the wait for one chunk went into. */
export interface ChunkWait {
  readonly totalMs: number;
  readonly stagesMs: Readonly<Record<WaitStage, number>>;
  /** Why the chunk was on its way already when the reader came; undefined when it was not. */
  readonly joined: FetchCause | undefined;
  /** What the last attempt that failed failed with. */
  readonly failure: string | undefined;
}

export interface FetchOptions extends AbortOptions {
  /** Told once of each chunk that had to be waited for, also of one that did not come. Must not throw. */
  readonly onWaited?: ((wait: ChunkWait) => void) | undefined;
  /** Called when a chunk that had to be fetched has come into the store; of those who wait for one, the first is told. Must not throw. */
  readonly onStored?: (() => void) | undefined;
}

/** When a chunk on its way passed what; of `performance.now()`, undefined until it does. Milliseconds. */
export interface Milestones {
  lookedUp: number | undefined;
  firstAsked: number | undefined;
  lastAsked: number | undefined;
  firstByte: number | undefined;
  arrived: number | undefined;
  landed: number | undefined;
}

export const noMilestones = (): Milestones => ({
  lookedUp: undefined,
  firstAsked: undefined,
  lastAsked: undefined,
  firstByte: undefined,
  arrived: undefined,
  landed: undefined,
});

/** One more request was made for the chunk. */
export function noteAsked(passed: Milestones, nowMs: number): void {
  passed.firstAsked ??= nowMs;
  passed.lastAsked = nowMs;
  passed.firstByte = undefined;
}

/**
 * The stages of a wait from `sinceMs` to `nowMs`: they add up to it, whatever the chunk had passed before the waiter came. The one that was not over takes what is left.
 */
export function stagesOf(passed: Milestones, sinceMs: number, nowMs: number): Record<WaitStage, number> {
  const ends: readonly (readonly [WaitStage, number | undefined])[] = [
    ["disk", passed.lookedUp],
    ["queue", passed.firstAsked],
    ["retry", passed.lastAsked],
    ["registry", passed.firstByte],
    ["transfer", passed.arrived],
    ["decompression", passed.landed],
    ["daemon", nowMs],
  ];
  const stages = { disk: 0, queue: 0, retry: 0, registry: 0, transfer: 0, decompression: 0, daemon: 0 };
  let atMs = sinceMs;
  for (const [stage, endMs = passed.landed ?? nowMs] of ends) {
    const until = Math.min(Math.max(endMs, atMs), nowMs);
    stages[stage] = until - atMs;
    atMs = until;
  }
  return stages;
}
