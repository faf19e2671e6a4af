import { median } from "./figures.js";
import type { Micro, MicroFigures } from "./micro-tables.js";
import { atLeast, atMost, type TargetLine } from "./target-line.js";

/** A request through the daemon may cost this beyond a read of a local EROFS file. Microseconds. */
const allowedMicroseconds = 20;
/** MB/s that are fast on any machine; one that cannot copy as fast is measured by what it can. */
const fastRate = 4000;
const shareOfCopy = 0.8;
/** A complete read counts for images of more files than these. */
const manyFiles = 50_000;

/**
 * The lines for `targets`. Each compares turns of one round, and takes the median of all rounds. The limit of one copy is what four readers get of a file that the page cache
 * holds.
 */
export function microLines({ files, walks, reads }: Micro): readonly TargetLine[] {
  const overlay = { ours: "sluice", theirs: "overlay" };
  const complete = (state: string) => ofRounds(walks, `complete read with tar, ${state}`, overlay, (a, b) => a / b);
  const find = ofRounds(walks, "find, cold", overlay, (a, b) => b / a);
  const erofs = { ours: "sluice", theirs: "erofs" };
  const beyond = ofRounds(reads, "random 4 KiB µs, readers 1, hits", erofs, (a, b) => a - b);
  const four = roundsOf(reads, "sequential MB/s, readers 4, hits", "sluice");
  const copy = roundsOf(reads, "sequential MB/s, readers 4, hot", "ext4");
  const share = median(four.map((rate, i) => rate / Math.min(fastRate, shareOfCopy * (copy[i] ?? Number.NaN))));
  return [
    atLeast("run phase: files in the tree", files, manyFiles),
    atMost("run phase: complete read cold, times that of overlay", complete("cold"), 1),
    atMost("run phase: complete read warm, times that of overlay", complete("hot"), 1),
    atLeast("run phase: find with stat cold, times faster than overlay", find, 2),
    atMost("run phase: random hits of 4 KiB, µs beyond EROFS on a local file", beyond, allowedMicroseconds),
    atLeast("run phase: hits of four readers, share of 4 GB/s or of 0.8 of what one copy reaches", share, 1),
  ];
}

function ofRounds(
  figures: MicroFigures,
  what: string,
  { ours, theirs }: { readonly ours: string; readonly theirs: string },
  compare: (ours: number, theirs: number) => number,
): number {
  const their = roundsOf(figures, what, theirs);
  return median(roundsOf(figures, what, ours).map((our, i) => compare(our, their[i] ?? Number.NaN)));
}

/** @throws {Error} when it was not measured: no line is held by what nobody looked at */
function roundsOf(figures: MicroFigures, what: string, place: string): readonly number[] {
  const rounds = figures[what]?.[place];
  if (rounds === undefined || rounds.length === 0) {
    throw new Error(`micro.json has no rounds of ${place}: ${what}; measure again without --only`);
  }
  return rounds;
}
