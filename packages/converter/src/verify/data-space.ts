import { blockSizeBytes, decompressFrame, InvalidFormatError, type RemoteBlob, type SeekTable } from "@sluice/disk";
import { type AbortOptions, type ByteRange, DigestMismatchError, digestOfHash, sha256Of } from "@sluice/oci";

/** How much of a blob is asked for at once when it is read from end to end. Bytes. */
const requestBytes = 8 * 1024 * 1024;

/** A chunk as it was read: its proven bytes, nothing for a zero chunk, or what is wrong with it. */
export type ReadChunk =
  | { readonly row: number; readonly bytes: Uint8Array }
  | { readonly row: number; readonly zero: true }
  | { readonly row: number; readonly damage: InvalidFormatError | DigestMismatchError };

/** Rows of a seek table that are read together: their frames lie back to back. */
interface Batch {
  readonly first: number;
  readonly end: number;
  readonly range: ByteRange;
}

/** The chunks of a blob in the order of its data space. Damage is reported, not thrown, so that all of it is found. */
export async function* readChunks(
  blob: RemoteBlob,
  table: SeekTable,
  options?: AbortOptions,
): AsyncGenerator<ReadChunk> {
  for (const { first, end, range } of batches(table)) {
    options?.signal?.throwIfAborted();
    const frames = range.start === range.end ? new Uint8Array(0) : await blob.read(range, options);
    for (let row = first; row < end; row++) {
      const size = table.compressedSize[row] ?? 0;
      const start = (table.offset[row] ?? 0) - range.start;
      yield size === 0 ? { row, zero: true } : checkedChunk(frames.subarray(start, start + size), table, row);
    }
  }
}

/** Rows whose frames are one stretch of the blob. A repeated chunk points back and starts a batch of its own. */
function* batches(table: SeekTable): Generator<Batch> {
  let first = 0;
  let range: ByteRange = { start: 0, end: 0 };
  for (let row = 0; row < table.count; row++) {
    const size = table.compressedSize[row] ?? 0;
    const start = table.offset[row] ?? 0;
    if (size === 0) continue;
    const empty = range.start === range.end;
    const goesOn = start === range.end && start + size - range.start <= requestBytes;
    if (!empty && !goesOn) {
      yield { first, end: row, range };
      first = row;
    }
    range = { start: goesOn && !empty ? range.start : start, end: start + size };
  }
  if (first < table.count) yield { first, end: table.count, range };
}

function checkedChunk(frame: Uint8Array, table: SeekTable, row: number): ReadChunk {
  const what = `chunk ${row}`;
  try {
    const bytes = decompressFrame(frame, (table.blocks[row] ?? 0) * blockSizeBytes, what);
    const expected = digestOfHash(table.sha256, row * 32);
    const actual = sha256Of(bytes);
    if (actual === expected) return { row, bytes };
    return { row, damage: new DigestMismatchError(what, expected, actual) };
  } catch (error) {
    if (error instanceof InvalidFormatError) return { row, damage: error };
    throw error;
  }
}
