import type { DiskRun } from "./disk-run.js";
import { joinedRuns } from "./normal-runs.js";

/** Blocks of a startup chunk: 256 KiB. Larger ones are hardly smaller, and a reader waits until more has come. docs/adr/0009-startup.md */
export const startupChunkBlocks = 64;

/** The pieces of each chunk of a startup blob: all chunks but the last are full, and the pieces of each are in disk order. */
export function* startupChunks(runs: Iterable<DiskRun>): Generator<readonly DiskRun[]> {
  let pieces: DiskRun[] = [];
  let room = startupChunkBlocks;
  for (const run of runs) {
    let { startBlock, blocks } = run;
    while (blocks > 0) {
      const taken = Math.min(blocks, room);
      pieces.push({ startBlock, blocks: taken });
      startBlock += taken;
      blocks -= taken;
      room -= taken;
      if (room > 0) continue;
      yield inDiskOrder(pieces);
      pieces = [];
      room = startupChunkBlocks;
    }
  }
  if (pieces.length > 0) yield inDiskOrder(pieces);
}

const inDiskOrder = (pieces: readonly DiskRun[]): readonly DiskRun[] =>
  joinedRuns(pieces.toSorted((a, b) => a.startBlock - b.startBlock));
