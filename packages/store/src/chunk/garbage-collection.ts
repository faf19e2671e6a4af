import type { AppendLane } from "./append-lane.js";
import type { Evictor } from "./evictor.js";
import type { Segment } from "./segment.js";
import type { StoreParts } from "./store-parts.js";

/**
 * Removes every chunk that no binding references: segments of such chunks alone are unlinked, what is still needed of mixed ones moves
 * together. Only inside the lane.
 *
 * @returns bytes given back to the disk
 */
export async function collectGarbage(parts: StoreParts, lane: AppendLane, evictor: Evictor): Promise<number> {
  const before = parts.segments.bytes;
  const mixed: Segment[] = [];
  for (const segment of parts.segments.live) {
    if (await hasGarbage(parts, segment)) mixed.push(segment);
  }
  if (mixed.length === 0) return 0;
  let target = await lane.beginSegment();
  for (const segment of mixed) {
    for (const slot of [...parts.slots.pointingTo(segment.place)]) {
      const length = parts.slots.columns.length[slot] ?? 0;
      if (target.sizeBytes + length > parts.segmentBytes * 0.95) target = await lane.beginSegment();
      await evictor.moveChunks(segment, [slot], target);
    }
    await evictor.retire(segment);
  }
  await evictor.settled();
  return Math.max(0, before - parts.segments.bytes);
}

async function hasGarbage(parts: StoreParts, segment: Segment): Promise<boolean> {
  const needed = new Set(parts.slots.pointingTo(segment.place));
  for await (const chunk of parts.index.chunksOf(segment.number)) {
    if (!needed.has(parts.slots.find(chunk.id))) return true;
  }
  return false;
}
