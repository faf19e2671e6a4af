import { growingFloat64, growingUint32 } from "@sluice/disk";
import type { PlannedChunk } from "./plan-chunks.js";

/** Planned chunks as columns: what one thread tells another about 20,000 chunks, without an object for each. */
export interface PlannedChunks {
  readonly blocks: Uint32Array;
  /** Of all chunks, as in {@link PlannedChunk}; those of chunk `i` are `runs[runEnds[i]..runEnds[i + 1]]`, none for a zero chunk. */
  readonly runs: Float64Array;
  readonly runEnds: Uint32Array;
}

export function plannedChunksOf(chunks: Iterable<PlannedChunk>): PlannedChunks {
  const blocks = growingUint32();
  const runs = growingFloat64();
  const runEnds = growingUint32();
  runEnds.push(0);
  for (const chunk of chunks) {
    blocks.push(chunk.blocks);
    for (const value of chunk.runs ?? []) runs.push(value);
    runEnds.push(runs.length);
  }
  return { blocks: blocks.finish(), runs: runs.finish(), runEnds: runEnds.finish() };
}

/** One by one. Their runs are copies, small enough to be sent to another thread each. */
export function* iterateChunks({ blocks, runs, runEnds }: PlannedChunks): Generator<PlannedChunk> {
  for (const [i, count] of blocks.entries()) {
    const own = runs.slice(runEnds[i], runEnds[i + 1]);
    yield { blocks: count, runs: own.length === 0 ? undefined : own };
  }
}
