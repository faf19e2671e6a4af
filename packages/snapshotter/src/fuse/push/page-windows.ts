import type { DiskRun } from "@sluice/disk";

/** Blocks that one single-page read brings: 256 KiB take the time of two requests. */
const windowBlocks = 64;
/** Windows that a read brings when the one before it was brought a moment ago, as by somebody who walks through: 1 MiB. */
const walkWindows = 4;
/** A page that is read this soon after its window was asked for came too early, not too late. Milliseconds. */
const momentMs = 1000;

/**
 * What to push around pages that are read one by one. The kernel's EROFS reads metadata a page at a time, without read-ahead; whoever walks a tree makes a request for
 * each page. One of them brings its neighbours.
 */
export class PageWindows {
  /** When each window of a disk was last asked for. */
  readonly #askedAt: Map<number, Map<number, number>> = new Map();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** A page of the first `endBlock` blocks of a disk was read. @returns what to push, perhaps nothing */
  around(inode: number, block: number, endBlock: number): readonly DiskRun[] {
    const askedAt = this.#askedAt.get(inode) ?? new Map<number, number>();
    this.#askedAt.set(inode, askedAt);
    const now = this.#now();
    const isRecent = (window: number): boolean => now - (askedAt.get(window) ?? Number.NEGATIVE_INFINITY) < momentMs;
    const first = Math.floor(block / windowBlocks);
    const runs: DiskRun[] = [];
    for (let window = first; window < first + (isRecent(first - 1) ? walkWindows : 1); window++) {
      const startBlock = window * windowBlocks;
      if (isRecent(window) || startBlock >= endBlock) continue;
      askedAt.set(window, now);
      runs.push({ startBlock, blocks: Math.min(windowBlocks, endBlock - startBlock) });
    }
    return runs;
  }

  forget(inode: number): void {
    this.#askedAt.delete(inode);
  }
}
