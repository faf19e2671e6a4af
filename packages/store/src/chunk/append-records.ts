import type { IndexedChunk } from "./chunk-index.js";
import { readersPatienceMs } from "./reader-registry.js";
import type { Segment } from "./segment.js";
import { encodeRecordHeader, recordAlignmentBytes, recordBytes, recordHeaderBytes } from "./segment-format.js";
import { slotState } from "./slot-word.js";
import type { StoreParts } from "./store-parts.js";

export interface NewRecord {
  /** 32 raw bytes. */
  readonly id: Uint8Array;
  /** Verified against the id. */
  readonly bytes: Uint8Array;
}

const padding = new Uint8Array(recordAlignmentBytes);

/** What the records take in a segment. Bytes. */
export const recordsBytes = (records: readonly NewRecord[]): number =>
  records.reduce((sum, record) => sum + recordBytes(record.bytes.byteLength), 0);

/**
 * Appends the records to the segment, tells the index, and points the bound slots at them, in this order: nobody finds a chunk whose bytes are not
 * all written. If either fails, the segment is as before and the error is rethrown.
 */
export async function appendRecords(parts: StoreParts, segment: Segment, records: readonly NewRecord[]): Promise<void> {
  const start = segment.sizeBytes;
  const buffers: Uint8Array[] = [];
  const chunks: IndexedChunk[] = [];
  let offset = start;
  for (const { id, bytes } of records) {
    const lengthBytes = bytes.byteLength;
    const total = recordBytes(lengthBytes);
    buffers.push(encodeRecordHeader(id, lengthBytes), bytes);
    const rest = total - recordHeaderBytes - lengthBytes;
    if (rest > 0) buffers.push(padding.subarray(0, rest));
    chunks.push({ id, segment: segment.number, offset, lengthBytes });
    offset += total;
  }
  await distrustIfCut(parts, segment); // if it fails, the file must not become longer: who is inside trusts its end
  try {
    await writeWhole(segment, buffers, start, offset - start);
    await parts.index.add(chunks);
  } catch (error) {
    // A rest that cannot be cut off is written over by the next append, or cut at the next open.
    await segment.file.truncate(start).catch(() => undefined);
    throw error;
  }
  segment.sizeBytes = offset;
  segment.chunks += chunks.length;
  for (const chunk of chunks) publish(parts, segment, chunk);
}

/**
 * Where somebody has cut the file off, the next write leaves zeros between its new end and the old one: from now on nothing of the segment is read before it is
 * verified again.
 */
async function distrustIfCut(parts: StoreParts, segment: Segment): Promise<void> {
  const { size } = await segment.file.stat();
  if (size >= segment.sizeBytes) return;
  parts.slots.distrust(segment.place);
  await parts.readers.quiesce(readersPatienceMs); // who entered before still trusts it
}

function publish(parts: StoreParts, segment: Segment, chunk: IndexedChunk): void {
  const slot = parts.slots.find(chunk.id);
  if (slot < 0) return;
  if (parts.slots.state(slot) === slotState.damaged) {
    parts.health.heal(chunk.id);
    parts.slots.distrust(parts.slots.columns.segment[slot] ?? -1); // damage seldom comes alone
  }
  const payloadOffset = chunk.offset + recordHeaderBytes;
  parts.slots.publish(
    slot,
    { place: segment.place, payloadOffset, lengthBytes: chunk.lengthBytes },
    slotState.verified,
  );
}

async function writeWhole(segment: Segment, buffers: Uint8Array[], start: number, length: number): Promise<void> {
  const { bytesWritten } = await segment.file.writev(buffers, start);
  if (bytesWritten === length) return;
  // Short writes come before a full disk says so; the rest brings the error.
  const rest = Buffer.concat(buffers).subarray(bytesWritten);
  for (let done = 0; done < rest.length; ) {
    const more = await segment.file.write(rest, done, rest.length - done, start + bytesWritten + done);
    done += more.bytesWritten;
  }
}
