import type { DiskRun } from "./disk-run.js";

/** A longer gap costs more bytes than the requests that it saves. docs/adr/0009-startup.md Blocks. */
const maxGapBlocks = 3;

/**
 * The runs with the short gaps between them filled: two starts that differ do so in single pages between others that both touched, and each page missed is a request. A gap
 * is filled where it is at most as long as the longer of the runs beside it, so that pages of small files that lie apart stay apart.
 *
 * @param runs in order of first use, disjoint. What fills a gap comes with the run beside it that is used first
 */
export function bridgedRuns(runs: readonly DiskRun[]): DiskRun[] {
  const inDiskOrder = runs.map((run, order) => ({ ...run, order })).sort((a, b) => a.startBlock - b.startBlock);
  const stretches = stretchesOf(inDiskOrder);
  const bridges: (DiskRun & { readonly order: number })[] = [];
  for (let i = 1; i < stretches.length; i++) {
    const [before, behind] = [stretches[i - 1], stretches[i]];
    if (before === undefined || behind === undefined) continue;
    const startBlock = before.startBlock + before.blocks;
    const blocks = behind.startBlock - startBlock;
    if (blocks > Math.min(maxGapBlocks, Math.max(before.blocks, behind.blocks))) continue;
    bridges.push({ startBlock, blocks, order: Math.min(before.lastOrder, behind.firstOrder) });
  }
  return [...inDiskOrder, ...bridges]
    .sort((a, b) => a.order - b.order || a.startBlock - b.startBlock)
    .map(({ startBlock, blocks }) => ({ startBlock, blocks }));
}

interface Stretch {
  readonly startBlock: number;
  blocks: number;
  /** Of its first run on the disk and of its last one. */
  readonly firstOrder: number;
  lastOrder: number;
}

/** What lies on the disk without a gap, in however many runs. */
function stretchesOf(inDiskOrder: readonly (DiskRun & { readonly order: number })[]): Stretch[] {
  const stretches: Stretch[] = [];
  for (const { startBlock, blocks, order } of inDiskOrder) {
    const last = stretches.at(-1);
    if (last !== undefined && last.startBlock + last.blocks === startBlock) {
      last.blocks += blocks;
      last.lastOrder = order;
    } else stretches.push({ startBlock, blocks, firstOrder: order, lastOrder: order });
  }
  return stretches;
}
