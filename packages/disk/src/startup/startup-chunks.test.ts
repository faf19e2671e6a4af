import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DiskRun } from "./disk-run.js";
import { startupChunkBlocks, startupChunks } from "./startup-chunks.js";

const blocksOf = (runs: readonly DiskRun[]): number[] =>
  runs.flatMap(({ startBlock, blocks }) => Array.from({ length: blocks }, (_, i) => startBlock + i));

/** Disjoint runs in any order. */
const normal = fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 20 }).chain((lengths) => {
  let next = 0;
  const runs = lengths.map((blocks) => {
    const startBlock = next;
    next += blocks + 1;
    return { startBlock, blocks };
  });
  return fc.shuffledSubarray(runs, { minLength: runs.length });
});

describe("startup chunks", () => {
  it("have the blocks of the runs, all but the last one 64 of them, each chunk those that come next", () => {
    fc.assert(
      fc.property(normal, (runs) => {
        const wanted = blocksOf(runs);
        const chunks = [...startupChunks(runs)];
        expect(chunks.length).toBe(Math.ceil(wanted.length / startupChunkBlocks));
        for (const [i, pieces] of chunks.entries()) {
          const next = wanted.slice(i * startupChunkBlocks, (i + 1) * startupChunkBlocks);
          expect(blocksOf(pieces)).toEqual(next.sort((a, b) => a - b));
        }
      }),
    );
  });

  it("join pieces that adjoin on the disk", () => {
    expect([
      ...startupChunks([
        { startBlock: 5, blocks: 2 },
        { startBlock: 3, blocks: 2 },
      ]),
    ]).toEqual([[{ startBlock: 3, blocks: 4 }]]);
  });

  it("of no runs are none", () => expect([...startupChunks([])]).toEqual([]));
});
