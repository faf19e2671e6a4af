import { disjointRuns, firstAtLeast } from "./disjoint-runs.js";
import type { DiskRun } from "./disk-run.js";
import { joinedRuns } from "./normal-runs.js";
import type { RecordedDisk, Recording } from "./recording.js";

/** Runs that are looked at together; the memory this takes is at most some hundred megabytes. An honest start has some thousands. */
const maxMergedRuns = 2 ** 18;
/** A block that fewer than one in so many starts touched is rare. */
const rareShare = 4;
/** Rare blocks are worth their bytes in all starts while they are at most one for so many others: each one missed is a request. */
const othersPerRare = 16;

/** Blocks that belong together, and where starts came to them. */
interface PlacedRun extends DiskRun {
  readonly place: number;
  readonly isRare: boolean;
}

/**
 * What many starts touched, as one set: blocks in the order of the median place at which the starts that touched them did so, a place being the share of
 * a start's blocks that came before. What less than a quarter of them touched is left out where it is much. The order of the recordings does not matter, unless they are so
 * large that only the last of them are taken.
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
  const merged: PlacedRun[] = [];
  for (let cut = 0; cut + 1 < cuts.length; cut++) {
    const startBlock = cuts[cut] ?? 0;
    const of = placeOf(places.subarray(cut * taken.length, (cut + 1) * taken.length));
    if (of !== undefined) merged.push({ startBlock, blocks: (cuts[cut + 1] ?? 0) - startBlock, ...of });
  }
  return joinedRuns(withoutMuchRare(merged).sort((a, b) => a.place - b.place || a.startBlock - b.startBlock));
}

function withoutMuchRare(runs: readonly PlacedRun[]): PlacedRun[] {
  const often = runs.filter(({ isRare }) => !isRare);
  const oftenBlocks = blocksOf(often);
  return (blocksOf(runs) - oftenBlocks) * othersPerRare > oftenBlocks ? often : [...runs];
}

const blocksOf = (runs: readonly DiskRun[]): number => runs.reduce((sum, { blocks }) => sum + blocks, 0);

/** Whether what is recorded of one says something about the other. */
export function isSameDisk(a: RecordedDisk, b: RecordedDisk): boolean {
  return (
    a.metadata === b.metadata &&
    a.layers.length === b.layers.length &&
    a.layers.every((layer, i) => layer === b.layers[i])
  );
}

/** Where the starts came to a block, in the middle of those that did; undefined when none did. Sorts `places`. */
function placeOf(places: Float64Array): Pick<PlacedRun, "place" | "isRare"> | undefined {
  const sorted = places.sort();
  const touched = firstAtLeast(sorted, Number.POSITIVE_INFINITY);
  if (touched === 0) return undefined;
  return { place: sorted[(touched - 1) >>> 1] ?? 0, isRare: touched * rareShare < places.length };
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
