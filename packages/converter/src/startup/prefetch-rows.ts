import { chunkIndexAtBlock, type DiskRun } from "@sluice/disk";
import type { ReadableToc } from "./disk-chunk.js";

/** Rows of the chunks with data that hold these runs, each once, in the order of the runs. A run that starts in no chunk has none. */
export function prefetchRows(runs: readonly DiskRun[], { chunks }: Pick<ReadableToc, "chunks">): Uint32Array {
  const rows = new Set<number>();
  for (const { startBlock, blocks } of runs) {
    const end = startBlock + blocks;
    const first = chunkIndexAtBlock(chunks, startBlock);
    if (first === -1) continue;
    for (let row = first; row < chunks.count && (chunks.startBlock[row] ?? 0) < end; row++) {
      if ((chunks.compressedSize[row] ?? 0) > 0) rows.add(row);
    }
  }
  return Uint32Array.from(rows);
}
