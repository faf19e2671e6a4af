import { disjointRuns, firstAtLeast } from "./disjoint-runs.js";
import type { DiskRun } from "./disk-run.js";
import { joinedRuns } from "./normal-runs.js";
import type { RecordedDisk, Recording } from "./recording.js";

/** Runs that are looked at together; the memory this takes is at most some hundred megabytes. An honest start has some thousands. */
const maxMergedRuns = 2 ** 18;
/** A block that fewer than one in so many starts touched is not worth its bytes in all others. */
const rareShare = 4;

/**
 * What many starts touched, as one set: blocks in the order of the median place at which the starts that touched them did so, a place being the share of
 * a start's blocks that came before. What less than a quarter of them touched is left out. The order of the recordings does not matter, unless they are so large
 * that only the last of them are taken.
 *
 * @param recordings of one disk; see {@link isSameDisk}
 */
export function mergeRecordings(recordings: readonly Recording[]): DiskRun[] {
  const taken = lastWithin(recordings, maxMergedRuns);
  const starts = taken.map(({ runs }) => disjointRuns(runs));
  const cuts = distinctCuts(starts.flat());
  const places = new Float64Array(cuts.length * taken.length).fill(Number.POSITIVE_INFINITY); // of the blocks behind each cut, by start
  for (const [start, parts] of starts.entries()) {
    const total = parts.reduce((sum, { blocks }) => sum + blocks, 0);
    let before = 0;
    for (const { startBlock, blocks } of parts.sort((a, b) => a.run - b.run || a.startBlock - b.startBlock)) {
      for (
        let cut = firstAtLeast(cuts, startBlock);
        (cuts[cut] ?? Number.POSITIVE_INFINITY) < startBlock + blocks;
        cut++
      ) {
        places[cut * taken.length + start] = (before + (cuts[cut] ?? 0) - startBlock) / total;
      }
      before += blocks;
    }
  }
  const merged: (DiskRun & { readonly place: number })[] = [];
  for (let cut = 0; cut + 1 < cuts.length; cut++) {
    const startBlock = cuts[cut] ?? 0;
    const place = medianPlace(places.subarray(cut * taken.length, (cut + 1) * taken.length));
    if (place !== undefined) merged.push({ startBlock, blocks: (cuts[cut + 1] ?? 0) - startBlock, place });
  }
  return joinedRuns(merged.sort((a, b) => a.place - b.place || a.startBlock - b.startBlock));
}

/** Whether what is recorded of one says something about the other. */
export function isSameDisk(a: RecordedDisk, b: RecordedDisk): boolean {
  return (
    a.metadata === b.metadata &&
    a.layers.length === b.layers.length &&
    a.layers.every((layer, i) => layer === b.layers[i])
  );
}

/** Where the starts came to a block, in the middle of those that did; undefined when too few did. Sorts `places`. */
function medianPlace(places: Float64Array): number | undefined {
  const sorted = places.sort();
  const touched = firstAtLeast(sorted, Number.POSITIVE_INFINITY);
  return touched === 0 || touched * rareShare < places.length ? undefined : sorted[(touched - 1) >>> 1];
}

function distinctCuts(runs: readonly DiskRun[]): Float64Array {
  const cuts = Float64Array.from(runs.flatMap(({ startBlock, blocks }) => [startBlock, startBlock + blocks])).sort();
  return cuts.filter((cut, i) => cut !== cuts[i - 1]);
}

/** The last ones that have at most so many runs together; the last one in any case. */
function lastWithin(recordings: readonly Recording[], maxRuns: number): readonly Recording[] {
  let first = recordings.length - 1;
  let runs = recordings[first]?.runs.length ?? 0;
  while (first > 0 && runs + (recordings[first - 1]?.runs.length ?? 0) <= maxRuns) {
    first--;
    runs += recordings[first]?.runs.length ?? 0;
  }
  return recordings.slice(Math.max(first, 0));
}
