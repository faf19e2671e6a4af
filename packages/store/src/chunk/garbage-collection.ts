import type { AbortOptions } from "@sluice/oci/content";
import type { AppendLane } from "./append-lane.js";
import type { Evictor } from "./evictor.js";
import type { Segment } from "./segment.js";
import { recordBytes } from "./segment-format.js";
import type { StoreParts } from "./store-parts.js";

/** Records moved in one turn in the lane: what a put may have to wait for. Bytes. */
const movedAtOnceBytes = 4 * 1024 * 1024;

/**
 * Removes every chunk that no binding references: segments of such chunks alone are unlinked, what is still needed of mixed ones moves
 * together. Outside the lane, which it takes for a few MiB at a time, so that puts go on. What is put meanwhile stays.
 *
 * @returns bytes given back to the disk
 * @throws the signal's own reason, between two turns; what was collected by then is gone
 */
export async function collectGarbage(
  parts: StoreParts,
  lane: AppendLane,
  evictor: Evictor,
  options?: AbortOptions,
): Promise<number> {
  let freedBytes = 0;
  const kept = await lane.exclusive(() => lane.sealIf((segment) => hasGarbage(parts, segment)));
  for (const segment of parts.segments.live) {
    options?.signal?.throwIfAborted();
    if (segment === kept || !(await hasGarbage(parts, segment))) continue;
    let turn: Turn = { isLast: false, freedBytes: 0 };
    while (!turn.isLast) {
      options?.signal?.throwIfAborted();
      turn = await lane.exclusive(() => collectSome(parts, lane, evictor, segment));
      freedBytes += turn.freedBytes;
    }
  }
  await evictor.settled();
  return Math.max(0, freedBytes);
}

interface Turn {
  readonly isLast: boolean;
  /** Less than zero while chunks are in both places. */
  readonly freedBytes: number;
}

/** Moves a few chunks out of the segment, and gives it up when none is left. */
async function collectSome(parts: StoreParts, lane: AppendLane, evictor: Evictor, segment: Segment): Promise<Turn> {
  if (segment.retired) return { isLast: true, freedBytes: 0 };
  let freedBytes = 0;
  const slots = firstOf(parts, segment);
  if (slots.length > 0) {
    const bytes = slots.reduce((sum, slot) => sum + recordBytes(parts.slots.columns.length[slot] ?? 0), 0);
    freedBytes -= await evictor.moveChunks(segment, slots, await lane.segmentFor(bytes));
    if (firstOf(parts, segment).length > 0) return { isLast: false, freedBytes };
  }
  freedBytes += segment.sizeBytes;
  await evictor.retire(segment);
  return { isLast: true, freedBytes };
}

/** The first few slots that point into the segment; none if none does. */
function firstOf(parts: StoreParts, segment: Segment): number[] {
  const slots: number[] = [];
  let bytes = 0;
  for (const slot of parts.slots.pointingTo(segment.place)) {
    bytes += recordBytes(parts.slots.columns.length[slot] ?? 0);
    if (slots.length > 0 && bytes > movedAtOnceBytes) break;
    slots.push(slot);
  }
  return slots;
}

async function hasGarbage(parts: StoreParts, segment: Segment): Promise<boolean> {
  const needed = new Set(parts.slots.pointingTo(segment.place));
  for await (const chunk of parts.index.chunksOf(segment.number)) {
    if (!needed.has(parts.slots.find(chunk.id))) return true;
  }
  return false;
}
