import { hash } from "node:crypto";
import { isErrno } from "../errno.js";
import type { IndexedChunk } from "./chunk-index.js";
import type { Segment } from "./segment.js";
import { decodeRecordHeader, recordHeaderBytes } from "./segment-format.js";
import { slotState } from "./slot-word.js";
import type { StoreParts } from "./store-parts.js";

/** The chunk's bytes; undefined if they, or their record's header, are not what the index says, or the disk cannot read them. */
export async function readVerified(segment: Segment, chunk: IndexedChunk): Promise<Uint8Array | undefined> {
  const record = await segment.readRecord(chunk.offset, chunk.lengthBytes).catch((error: unknown) => {
    if (isErrno(error, "EIO")) return undefined;
    throw error;
  });
  if (record === undefined) return undefined;
  const header = decodeRecordHeader(record);
  const bytes = record.subarray(recordHeaderBytes);
  const isRight = header?.lengthBytes === chunk.lengthBytes && hash("sha256", bytes, "buffer").equals(chunk.id);
  return isRight ? bytes : undefined;
}

/** The bytes of a chunk whose slot says that it was verified in this life, as it is: undefined if it has no such slot, or not all the while. */
export async function readKnownGood(
  parts: StoreParts,
  segment: Segment,
  chunk: IndexedChunk,
): Promise<Uint8Array | undefined> {
  const { slots } = parts;
  const slot = slots.find(chunk.id);
  if (slot < 0 || slots.state(slot) !== slotState.verified || !pointsTo(parts, slot, segment, chunk)) return undefined;
  const generation = slots.generation(slot);
  const bytes = await segment.readPayload(chunk.offset, chunk.lengthBytes).catch((error: unknown) => {
    if (isErrno(error, "EIO")) return undefined;
    throw error;
  });
  return slots.generation(slot) === generation ? bytes : undefined;
}

/** Makes a damaged chunk absent, for readers and in the index; once, however many found it. Only inside the lane. */
export async function dropDamaged(parts: StoreParts, segment: Segment, chunk: IndexedChunk): Promise<void> {
  const { slots, index, health } = parts;
  const slot = slots.find(chunk.id);
  const isFindable = slot >= 0 && pointsTo(parts, slot, segment, chunk);
  if (isFindable) slots.drop(slot, slotState.damaged);
  const isListed = !segment.retired && (await index.lists(chunk));
  if (isFindable || isListed) health.foundDamage(chunk.id, segment.path);
  if (!isListed) return;
  slots.distrust(segment.place); // damage seldom comes alone
  segment.chunks--;
  await index.remove([chunk]);
  // So that the next life does not take the chunk for one that the index has lost. Of the active segment the note says another length, and counts for nothing.
  await index.note({ number: segment.number, sealed: true, bytes: segment.sizeBytes, chunks: segment.chunks });
}

/** Tells the slot of the chunk, if it has one, what a verified read found out. */
export function publishVerified(parts: StoreParts, segment: Segment, chunk: IndexedChunk): void {
  const { slots } = parts;
  const slot = slots.find(chunk.id);
  if (slot < 0 || segment.retired || chunk.offset >= segment.sizeBytes) return; // it was given up meanwhile
  if (pointsTo(parts, slot, segment, chunk)) {
    slots.markVerified(slot, slots.generation(slot));
  } else if (slots.state(slot) === slotState.absent) {
    const payloadOffset = chunk.offset + recordHeaderBytes;
    slots.publish(slot, { place: segment.place, payloadOffset, lengthBytes: chunk.lengthBytes }, slotState.verified);
  }
}

function pointsTo(parts: StoreParts, slot: number, segment: Segment, chunk: IndexedChunk): boolean {
  const { segment: places, offset } = parts.slots.columns;
  return (
    parts.slots.isThere(slot) && places[slot] === segment.place && offset[slot] === chunk.offset + recordHeaderBytes
  );
}
