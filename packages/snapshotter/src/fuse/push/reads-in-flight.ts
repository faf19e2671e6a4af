import type { DiskRun } from "@sluice/disk";

/** Reads that wait at once and are told apart; with more of them, everything counts as waited for. The kernel's own read-ahead makes at most 256. */
const maxRows = 512;
/** Words of a row: inode (0: the row is free), first block (a disk has up to 2^32: unsigned), blocks. The word before the rows counts reads that found no row. */
const rowWords = 3;

/**
 * The reads that wait for the network, where the push thread can see them: the kernel holds the pages of each of them locked until it is answered, and a
 * store into such a page would wait as long. Pages with a read in flight are answered, not stored.
 *
 * The main thread writes, the push thread looks, without locks: a look may be a moment old. Then a store waits for an answer that comes without it.
 */
export class ReadsInFlight {
  readonly #words: Int32Array;

  constructor(shared: SharedArrayBuffer) {
    this.#words = new Int32Array(shared);
  }

  /** A read waits from now on. @returns what {@link leave} wants */
  enter(inode: number, run: DiskRun): number {
    for (let row = 0; row < maxRows; row++) {
      const at = 1 + row * rowWords;
      if (this.#words[at] !== 0) continue;
      this.#words[at + 1] = run.startBlock;
      this.#words[at + 2] = run.blocks;
      Atomics.store(this.#words, at, inode);
      return row;
    }
    Atomics.add(this.#words, 0, 1);
    return -1;
  }

  /** It was answered. */
  leave(row: number): void {
    if (row < 0) Atomics.sub(this.#words, 0, 1);
    else Atomics.store(this.#words, 1 + row * rowWords, 0);
  }

  /** The first blocks of `run` that a read waits for; undefined if there are none. */
  within(inode: number, run: DiskRun): DiskRun | undefined {
    if (Atomics.load(this.#words, 0) !== 0) return run;
    const end = run.startBlock + run.blocks;
    let first: DiskRun | undefined;
    for (let row = 0; row < maxRows; row++) {
      const at = 1 + row * rowWords;
      if (Atomics.load(this.#words, at) !== inode) continue;
      const startBlock = (this.#words[at + 1] ?? 0) >>> 0;
      const from = Math.max(run.startBlock, startBlock);
      const to = Math.min(end, startBlock + (this.#words[at + 2] ?? 0));
      if (from < to && from < (first?.startBlock ?? end)) first = { startBlock: from, blocks: to - from };
    }
    return first;
  }
}

export const createReadsInFlight = (): SharedArrayBuffer => new SharedArrayBuffer((1 + maxRows * rowWords) * 4);
