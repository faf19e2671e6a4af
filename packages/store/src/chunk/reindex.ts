import type { IndexedChunk } from "./chunk-index.js";
import type { Segment } from "./segment.js";
import { recordHeaderBytes } from "./segment-format.js";
import { scanSegment } from "./segment-scan.js";
import { slotState } from "./slot-word.js";
import type { StoreParts } from "./store-parts.js";

/** Chunks told to the index at once. */
const batch = 1000;

/**
 * Whether the index lists as many chunks of the segment as there are, and finds them. LevelDB drops what is damaged in its log without a word, and begins anew where its folder
 * is gone.
 */
export async function isIndexed(parts: StoreParts, segment: Segment): Promise<boolean> {
  return (await parts.index.count(segment.number)) === segment.chunks;
}

/** Tells the index again what a segment holds, and bound slots where their chunks are. Only inside the lane. @throws what kept the index from taking it */
export async function reindex(parts: StoreParts, segment: Segment, isSealed: boolean): Promise<void> {
  const { index, slots, health } = parts;
  const { number } = segment;
  const scanned = await scanSegment(segment.file, number, segment.sizeBytes);
  await index.removeSegment(number);
  const chunks: IndexedChunk[] = [];
  for (let from = 0; from < scanned.chunks.length; from += batch) {
    const some = scanned.chunks.slice(from, from + batch);
    const elsewhere = await index.find(some.map(({ id }) => id)); // stored anew since, perhaps because it is damaged here
    const here = some.filter((_, i) => parts.segments.byNumber(elsewhere?.[i]?.segment ?? -1) === undefined);
    await index.add(here);
    chunks.push(...here);
  }
  segment.chunks = chunks.length;
  await index.note({ number, sealed: isSealed, bytes: isSealed ? segment.sizeBytes : 0, chunks: segment.chunks });
  for (const chunk of chunks) {
    const slot = slots.find(chunk.id);
    if (slot < 0 || slots.state(slot) !== slotState.absent) continue;
    const payloadOffset = chunk.offset + recordHeaderBytes;
    slots.publish(slot, { place: segment.place, payloadOffset, lengthBytes: chunk.lengthBytes }, slotState.present);
  }
  const message = `${segment.path}: ${chunks.length} chunks told to the index again, which had lost some of them`;
  health.report({ kind: "rebuilt", level: "warn", message });
}
