import { chunkIndexAtBlock, type DiskRun } from "@sluice/disk";
import type { ReadableToc } from "./disk-chunk.js";

/** A startup set, cut in two. */
export interface BudgetedRuns {
  readonly kept: readonly DiskRun[];
  readonly rest: readonly DiskRun[];
}

/**
 * As much of a startup set, from its front, as a startup blob of about `budgetBytes` holds, and what is left. What a block will take there is taken to be its share of the frame that holds
 * it on the disk: right within some per cent for files that are used whole.
 */
export function withinBudget(
  runs: readonly DiskRun[],
  { chunks }: Pick<ReadableToc, "chunks">,
  budgetBytes: number,
): BudgetedRuns {
  const kept: DiskRun[] = [];
  let leftBytes = budgetBytes;
  for (const [i, run] of runs.entries()) {
    let blocks = 0;
    for (const part of partsByChunk(run, chunks)) {
      leftBytes -= part.estimatedBytes;
      if (leftBytes < 0) break;
      blocks += part.blocks;
    }
    if (blocks > 0) kept.push({ startBlock: run.startBlock, blocks });
    if (leftBytes >= 0) continue;
    const left = { startBlock: run.startBlock + blocks, blocks: run.blocks - blocks };
    return { kept, rest: [left, ...runs.slice(i + 1)] };
  }
  return { kept, rest: [] };
}

/** The parts of a run that lie in one chunk, or in none and cost nothing. */
function* partsByChunk(
  run: DiskRun,
  chunks: ReadableToc["chunks"],
): Generator<{ readonly blocks: number; readonly estimatedBytes: number }> {
  const end = run.startBlock + run.blocks;
  for (let block = run.startBlock; block < end; ) {
    const row = chunkIndexAtBlock(chunks, block);
    const chunkBlocks = chunks.blocks[row] ?? 1;
    const next = row === -1 ? block + 1 : Math.min(end, (chunks.startBlock[row] ?? 0) + chunkBlocks);
    const blocks = next - block;
    yield { blocks, estimatedBytes: ((chunks.compressedSize[row] ?? 0) * blocks) / chunkBlocks };
    block = next;
  }
}
