import type { DiskRun } from "@sluice/disk";

/** The first so many blocks of disjoint runs, in their order. */
export function firstBlocks(runs: readonly DiskRun[], most: number): DiskRun[] {
  const taken: DiskRun[] = [];
  let left = most;
  for (const { startBlock, blocks } of runs) {
    if (left <= 0) break;
    taken.push({ startBlock, blocks: Math.min(blocks, left) });
    left -= blocks;
  }
  return taken;
}
