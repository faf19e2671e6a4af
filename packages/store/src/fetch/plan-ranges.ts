import type { ByteRange, Digest } from "@sluice/oci/content";
import { type ChunkPlace, type FetchCause, rankOf } from "./fetch-request.js";

/** A chunk that is wanted now, and how much. */
export interface Wanted {
  readonly place: ChunkPlace;
  readonly cause: FetchCause;
}

/** One ranged request for some of the wanted chunks, in the order of their frames. Ranks as its first, most urgent chunk. */
export interface PlannedRange<W extends Wanted> {
  readonly blob: Digest;
  readonly range: ByteRange;
  readonly cause: FetchCause;
  readonly wanted: readonly W[];
}

export interface PlanLimits {
  readonly coalesceGapBytes: number;
  readonly maxRangeBytes: number;
}

/**
 * Covers what is wanted with few requests: frames of one blob that lie close together share one. Nothing less urgent ever comes before something
 * more urgent in the same request, so a waiting reader never waits for read-ahead. The most urgent requests come first.
 */
export function planRanges<W extends Wanted>(wanted: readonly W[], limits: PlanLimits): PlannedRange<W>[] {
  const sorted = [...wanted].sort(byBlobThenOffset);
  const plans: { blob: Digest; start: number; end: number; cause: FetchCause; last: FetchCause; wanted: W[] }[] = [];
  for (const one of sorted) {
    const { blob, frame } = one.place;
    const open = plans.at(-1);
    const joins =
      open !== undefined &&
      open.blob === blob &&
      frame.start - open.end <= limits.coalesceGapBytes &&
      Math.max(frame.end, open.end) - open.start <= limits.maxRangeBytes &&
      rankOf[one.cause] <= rankOf[open.last];
    if (joins) {
      open.end = Math.max(open.end, frame.end);
      open.last = one.cause;
      open.wanted.push(one);
    } else {
      plans.push({ blob, start: frame.start, end: frame.end, cause: one.cause, last: one.cause, wanted: [one] });
    }
  }
  return plans
    .map(({ blob, start, end, cause, wanted: members }) => ({ blob, range: { start, end }, cause, wanted: members }))
    .sort((a, b) => rankOf[b.cause] - rankOf[a.cause]);
}

function byBlobThenOffset(a: Wanted, b: Wanted): number {
  if (a.place.blob !== b.place.blob) return a.place.blob < b.place.blob ? -1 : 1;
  return a.place.frame.start - b.place.frame.start;
}
