import { regionAlignmentBlocks } from "../blocks.js";
import type { ChunkTable } from "../toc/toc.js";
import { disjointRuns } from "./disjoint-runs.js";
import type { DiskRun } from "./disk-run.js";

/**
 * The runs as a startup set has them: no block twice (it stays where it came first), none outside the regions, none of zeros, and joined where one goes on
 * where the one before it ended, but never across two regions.
 *
 * @param chunks those of the TOC, in disk order
 */
export function normalRuns(runs: readonly DiskRun[], chunks: ChunkTable): DiskRun[] {
  const parts: (DiskRun & { readonly run: number })[] = [];
  let row = 0;
  for (const { startBlock, blocks, run } of disjointRuns(runs)) {
    const end = startBlock + blocks;
    while (row < chunks.count && endOf(chunks, row) <= startBlock) row++;
    for (let at = row; at < chunks.count && (chunks.startBlock[at] ?? 0) < end; at++) {
      if (chunks.compressedSize[at] === 0) continue;
      const from = Math.max(startBlock, chunks.startBlock[at] ?? 0);
      parts.push({ startBlock: from, blocks: Math.min(end, endOf(chunks, at)) - from, run });
    }
  }
  parts.sort((a, b) => a.run - b.run || a.startBlock - b.startBlock);
  return joinedRuns(parts);
}

/** The runs, those made one that go on where the one before ended. Never across a border where a region may start. */
export function joinedRuns(runs: Iterable<DiskRun>): DiskRun[] {
  const joined: DiskRun[] = [];
  for (const { startBlock, blocks } of runs) {
    const last = joined.at(-1);
    const goesOn = last !== undefined && last.startBlock + last.blocks === startBlock;
    if (!goesOn || startBlock % regionAlignmentBlocks === 0) joined.push({ startBlock, blocks });
    else joined[joined.length - 1] = { startBlock: last.startBlock, blocks: last.blocks + blocks };
  }
  return joined;
}

const endOf = ({ startBlock, blocks }: ChunkTable, row: number): number => (startBlock[row] ?? 0) + (blocks[row] ?? 0);
