import { blockSizeBytes } from "@sluice/disk/blocks";
import type { DiskFile } from "./disk-file.js";

/** Reads stored chunks on this thread. @see SharedChunkReader of `@sluice/store`, which is one */
export interface ChunkReader {
  /**
   * Copies up to `length` bytes of the chunk in `slot`, from `offsetInChunk`, to `into` at `intoOffset`.
   *
   * @returns bytes copied, or a negative number if the chunk is not there; then `into` may hold anything there
   */
  read(slot: number, offsetInChunk: number, length: number, into: Uint8Array, intoOffset: number): number;
}

/** Row of the last piece that starts at or before `block`; −1 if there is none. Binary search. */
export function chunkRowAt(startBlock: Uint32Array, block: number): number {
  let low = 0;
  let high = startBlock.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((startBlock[middle] ?? 0) <= block) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * Reads `length` bytes of the disk at `offset` into `into` at `intoOffset`, allocating nothing.
 *
 * @param length such that the range lies inside the disk
 * @returns true with every byte in place; false as soon as one chunk is not in the store, and then `into` holds anything
 */
export function readDisk(
  disk: DiskFile,
  reader: ChunkReader,
  offset: number,
  length: number,
  into: Uint8Array,
  intoOffset: number,
): boolean {
  const end = offset + length;
  let row = chunkRowAt(disk.startBlock, Math.floor(offset / blockSizeBytes));
  let at = offset;
  while (at < end) {
    const place = intoOffset + at - offset;
    const inRow = Math.min(endOf(disk, row), end) - at;
    if (inRow > 0) {
      const slot = disk.slots[row] ?? -1;
      const fromStart = at - startOf(disk, row) + (disk.offsetInChunk[row] ?? 0) * blockSizeBytes;
      if (slot < 0) into.fill(0, place, place + inRow);
      else if (reader.read(slot, fromStart, inRow, into, place) !== inRow) return false;
      at += inRow;
    } else {
      row++;
      const gap = Math.min(startOf(disk, row), end) - at;
      into.fill(0, place, place + gap);
      at += gap;
    }
  }
  return true;
}

/** Offset of the first byte of a piece; behind the last one, infinitely far. */
const startOf = (disk: DiskFile, row: number): number =>
  row < disk.startBlock.length ? (disk.startBlock[row] ?? 0) * blockSizeBytes : Number.POSITIVE_INFINITY;

/** Offset behind the last byte of a piece; row −1 is an empty one at 0. */
const endOf = (disk: DiskFile, row: number): number =>
  row < 0 ? 0 : ((disk.startBlock[row] ?? 0) + (disk.blocks[row] ?? 0)) * blockSizeBytes;
