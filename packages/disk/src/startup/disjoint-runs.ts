import type { DiskRun } from "./disk-run.js";

/** A part of a run that no earlier run holds. */
export interface RunPart extends DiskRun {
  /** Index of the run. */
  readonly run: number;
}

/** The runs without what an earlier one holds, in disk order. Takes time by the number of runs, not of blocks. */
export function disjointRuns(runs: readonly DiskRun[]): RunPart[] {
  const cuts = Float64Array.from(runs.flatMap(({ startBlock, blocks }) => [startBlock, startBlock + blocks])).sort();
  const owner = new Int32Array(cuts.length).fill(-1); // of the blocks from one cut to the next
  const free = Uint32Array.from(cuts, (_, cut) => cut); // the next cut whose blocks nobody owns, as a forest of hints
  for (const [index, run] of runs.entries()) {
    const end = run.startBlock + run.blocks;
    let cut = nextFree(free, firstAtLeast(cuts, run.startBlock));
    while ((cuts[cut] ?? end) < end) {
      owner[cut] = index;
      free[cut] = cut + 1;
      cut = nextFree(free, cut);
    }
  }
  const parts: RunPart[] = [];
  for (let cut = 0; cut + 1 < cuts.length; cut++) {
    const run = owner[cut] ?? -1;
    const startBlock = cuts[cut] ?? 0;
    const blocks = (cuts[cut + 1] ?? 0) - startBlock;
    if (run >= 0 && blocks > 0) parts.push({ startBlock, blocks, run });
  }
  return parts;
}

/** Follows the hints and shortens them; the last cut is followed by none. */
function nextFree(free: Uint32Array, from: number): number {
  let cut = from;
  while (cut < free.length && free[cut] !== cut) {
    const next = free[cut] ?? free.length;
    free[cut] = next < free.length ? (free[next] ?? next) : next;
    cut = next;
  }
  return cut;
}

/** Index of the first of `sorted` that is not below `value`. */
export function firstAtLeast(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
