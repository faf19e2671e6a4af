import type { ChunkTable } from "./toc.js";

/**
 * The chunk that holds a block of the disk, or -1 when no chunk does (the block reads as zeros). Binary search, no allocation.
 * The table is in disk order; the startup table is not.
 */
export function chunkIndexAtBlock(table: ChunkTable, block: number): number {
  let low = 0;
  let high = table.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((table.startBlock[middle] ?? 0) <= block) low = middle + 1;
    else high = middle;
  }
  const chunk = low - 1;
  if (chunk < 0) return -1;
  return block < (table.startBlock[chunk] ?? 0) + (table.blocks[chunk] ?? 0) ? chunk : -1;
}
