import type { DiskRun } from "@sluice/disk";

/** A few runs of one disk, to be pushed in one go. */
export interface PushBatch {
  readonly inode: number;
  readonly runs: readonly DiskRun[];
  readonly blocks: number;
}

/** Blocks of a batch: 4 MiB take a few milliseconds, after which the thread can be told something else. */
const maxBatchBlocks = 1024;
/** Runs that wait at once. What a start touches is a few thousand; far above that, pushing is behind anyway. */
const maxWaitingRuns = 65_536;

const blocksOf = (runs: readonly DiskRun[]): number => runs.reduce((sum, { blocks }) => sum + blocks, 0);

/** What waits to be pushed, first come, first served, cut into batches. Bounded: what does not fit is not taken. */
export class PushQueue {
  #batches: PushBatch[] = [];
  #waitingRuns = 0;

  get waitingRuns(): number {
    return this.#waitingRuns;
  }

  /** @returns the batches that now wait for their turn; none if there is no room for all of them */
  add(inode: number, runs: readonly DiskRun[]): readonly PushBatch[] {
    const cut = cutRuns(runs);
    if (this.#waitingRuns + cut.length > maxWaitingRuns) return [];
    const batches: PushBatch[] = [];
    let taken: DiskRun[] = [];
    const seal = (): void => {
      if (taken.length > 0) batches.push({ inode, runs: taken, blocks: blocksOf(taken) });
      taken = [];
    };
    let blocks = 0;
    for (const run of cut) {
      if (blocks + run.blocks > maxBatchBlocks) {
        seal();
        blocks = 0;
      }
      taken.push(run);
      blocks += run.blocks;
    }
    seal();
    this.#batches.push(...batches);
    this.#waitingRuns += cut.length;
    return batches;
  }

  next(): PushBatch | undefined {
    const batch = this.#batches.shift();
    this.#waitingRuns -= batch?.runs.length ?? 0;
    return batch;
  }

  /** Takes out what waits for this disk; without a disk, everything. */
  remove(inode?: number): readonly PushBatch[] {
    const removed = this.#batches.filter((batch) => inode === undefined || batch.inode === inode);
    this.#batches = this.#batches.filter((batch) => inode !== undefined && batch.inode !== inode);
    for (const { runs } of removed) this.#waitingRuns -= runs.length;
    return removed;
  }
}

/** The same blocks in runs that fit into a batch. */
function cutRuns(runs: readonly DiskRun[]): DiskRun[] {
  return runs.flatMap(({ startBlock, blocks }) =>
    Array.from({ length: Math.ceil(blocks / maxBatchBlocks) }, (_, i) => ({
      startBlock: startBlock + i * maxBatchBlocks,
      blocks: Math.min(maxBatchBlocks, blocks - i * maxBatchBlocks),
    })),
  );
}
