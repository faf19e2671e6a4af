import type { IndexedChunk } from "./chunk-index.js";
import { readersPatienceMs } from "./reader-registry.js";
import type { Segment } from "./segment.js";
import { slotState } from "./slot-word.js";
import { isDiskFailure } from "./store-health.js";
import type { StoreParts } from "./store-parts.js";

/** No reader finds a chunk any more that was written to the segment since its last good sync. */
export function hideUnsynced(parts: StoreParts, segment: Segment): void {
  const { slots } = parts;
  for (const slot of slots.pointingTo(segment.place)) {
    if ((slots.columns.offset[slot] ?? 0) >= segment.syncedBytes) slots.drop(slot, slotState.absent);
  }
}

/**
 * Makes what was written to the segment since its last good sync absent, for readers and in the index, and cuts it off. Only inside the lane, and only
 * of a segment that is never appended to again: a reader may still be on its way to bytes that are gone, and must not find others there.
 */
export async function forgetUnsynced(parts: StoreParts, segment: Segment): Promise<void> {
  segment.sizeBytes = segment.syncedBytes; // from here on nothing behind it is published
  hideUnsynced(parts, segment);
  try {
    const lost: IndexedChunk[] = [];
    for await (const chunk of parts.index.chunksOf(segment.number)) {
      if (chunk.offset >= segment.syncedBytes) lost.push(chunk);
    }
    await parts.index.remove(lost);
    segment.chunks -= lost.length;
    await parts.readers.quiesce(readersPatienceMs); // the file reads as zeros between a cut and its new end
    await segment.file.truncate(segment.sizeBytes);
    const { number, sizeBytes: bytes, chunks } = segment;
    await parts.index.note({ number, sealed: true, bytes, chunks });
  } catch (error) {
    if (!isDiskFailure(error)) throw error; // whatever the index still says is verified before it is used
  }
}
