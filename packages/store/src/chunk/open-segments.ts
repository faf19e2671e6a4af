import { type FileHandle, open, unlink } from "node:fs/promises";
import type { ChunkIndex, SegmentNote } from "./chunk-index.js";
import type { Segment } from "./segment.js";
import { scanSegment } from "./segment-scan.js";
import type { SegmentSet } from "./segment-set.js";
import type { StoreHealth } from "./store-health.js";

/**
 * Brings segments and index together after whatever ended the last life of the store. A sealed segment of the length that the index
 * knows is taken as it is; of any other the records are found again by their headers, and what is torn at its end is cut off.
 *
 * @returns the segment to go on appending to: the youngest, if it has room
 */
export async function openSegments(
  segments: SegmentSet,
  index: ChunkIndex,
  health: StoreHealth,
  segmentBytes: number,
): Promise<Segment | undefined> {
  const notes = new Map((await index.segments()).map((note) => [note.number, note]));
  const numbers = await segments.list();
  const present = new Set(numbers);
  for (const note of notes.values()) {
    segments.skipNumbersTo(note.number + 1);
    if (!present.has(note.number)) await index.removeSegment(note.number);
  }
  let youngest: Segment | undefined;
  for (const number of numbers) {
    youngest = (await openOne(segments, index, health, number, notes.get(number))) ?? youngest;
  }
  if (youngest === undefined || youngest.sizeBytes > segmentBytes * 0.9) return undefined;
  await index.note({ number: youngest.number, sealed: false, bytes: 0, chunks: 0 });
  return youngest;
}

async function openOne(
  segments: SegmentSet,
  index: ChunkIndex,
  health: StoreHealth,
  number: number,
  note: SegmentNote | undefined,
): Promise<Segment | undefined> {
  const path = segments.path(number);
  const file = await open(path, "r+");
  try {
    const { size } = await file.stat();
    if (note?.sealed && note.bytes === size) return segments.adopt(number, file, size, note.chunks);
    const found = await recover(file, path, number, size, index, health, note);
    if (found !== undefined) return segments.adopt(number, file, found.endBytes, found.chunks);
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  await unlink(path);
  return undefined;
}

/** Undefined if the file holds nothing worth keeping. */
async function recover(
  file: FileHandle,
  path: string,
  number: number,
  sizeBytes: number,
  index: ChunkIndex,
  health: StoreHealth,
  note: SegmentNote | undefined,
): Promise<{ endBytes: number; chunks: number } | undefined> {
  const scanned = await scanSegment(file, number, sizeBytes);
  await index.removeSegment(number);
  if (!scanned.valid || scanned.chunks.length === 0) return undefined;
  if (scanned.endBytes < sizeBytes) {
    await file.truncate(scanned.endBytes);
    const message = `${path}: ${sizeBytes - scanned.endBytes} bytes after the last whole chunk cut off`;
    health.report({ kind: "torn", level: "info", message });
  }
  for (let from = 0; from < scanned.chunks.length; from += 1000)
    await index.add(scanned.chunks.slice(from, from + 1000));
  const chunks = scanned.chunks.length;
  await index.note({ number, sealed: true, bytes: scanned.endBytes, chunks });
  if (note === undefined || note.sealed) {
    health.report({
      kind: "rebuilt",
      level: "warn",
      message: `${path}: ${chunks} chunks found again without the index`,
    });
  }
  return { endBytes: scanned.endBytes, chunks };
}
