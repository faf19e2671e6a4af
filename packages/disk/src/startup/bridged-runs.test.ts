import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bridgedRuns } from "./bridged-runs.js";
import type { DiskRun } from "./disk-run.js";

const runsOf = (...given: readonly (readonly [number, number])[]): DiskRun[] =>
  given.map(([startBlock, blocks]) => ({ startBlock, blocks }));
const blocksOf = (runs: readonly DiskRun[]): number[] =>
  runs.flatMap(({ startBlock, blocks }) => Array.from({ length: blocks }, (_, i) => startBlock + i));

describe("runs with their gaps filled", () => {
  it("have the gaps of up to three blocks, each with the run beside it that is used first", () => {
    expect(bridgedRuns(runsOf([20, 4], [10, 7], [50, 1]))).toEqual(runsOf([17, 3], [20, 4], [10, 7], [50, 1]));
    expect(bridgedRuns(runsOf([10, 6], [20, 4]))).toEqual(runsOf([10, 6], [20, 4]));
  });

  it("have no gap that is longer than both runs beside it", () => {
    expect(bridgedRuns(runsOf([10, 1], [13, 1]))).toEqual(runsOf([10, 1], [13, 1]));
    expect(bridgedRuns(runsOf([10, 1], [12, 1]))).toEqual(runsOf([10, 1], [11, 1], [12, 1]));
  });

  it("count runs that lie side by side as one", () => {
    expect(bridgedRuns(runsOf([11, 1], [14, 1], [10, 1]))).toEqual(runsOf([11, 1], [12, 2], [14, 1], [10, 1]));
  });

  it("hold each block once, all that were there before, in the order they had", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(80)), (blocks) => {
        const bridged = blocksOf(bridgedRuns(blocks.map((startBlock) => ({ startBlock, blocks: 1 }))));
        expect(new Set(bridged).size).toBe(bridged.length);
        expect(bridged.filter((block) => blocks.includes(block))).toEqual(blocks);
      }),
    );
  });
});
