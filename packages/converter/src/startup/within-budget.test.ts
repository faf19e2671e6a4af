import type { ChunkTable } from "@sluice/disk";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { withinBudget } from "./within-budget.js";

/** Two chunks of 10 blocks and 100 bytes at 0 and 10, nothing at 20, a chunk of 5 blocks and 500 bytes at 30. */
const chunks: ChunkTable = {
  count: 3,
  startBlock: Uint32Array.of(0, 10, 30),
  blocks: Uint32Array.of(10, 10, 5),
  blob: Uint16Array.of(0, 0, 0),
  offset: Float64Array.of(0, 100, 200),
  compressedSize: Uint32Array.of(100, 100, 500),
  sha256: new Uint8Array(96),
};
const within = (runs: readonly [number, number][], budgetBytes: number): [number, number][] =>
  withinBudget(
    runs.map(([startBlock, blocks]) => ({ startBlock, blocks })),
    { chunks },
    budgetBytes,
  ).kept.map(({ startBlock, blocks }) => [startBlock, blocks]);

describe("a startup set within a budget", () => {
  it("is whole when it fits, blocks without chunks costing nothing", () => {
    const runs: [number, number][] = [
      [30, 5],
      [0, 25],
    ];
    expect(within(runs, 700)).toEqual(runs);
  });

  it("ends inside a run, at the border of a chunk", () => {
    expect(within([[0, 20]], 150)).toEqual([[0, 10]]);
    expect(
      within(
        [
          [30, 1],
          [0, 20],
        ],
        150,
      ),
    ).toEqual([[30, 1]]);
  });

  it("leaves what is behind that border, in its order", () => {
    const runs = [
      { startBlock: 0, blocks: 20 },
      { startBlock: 30, blocks: 2 },
    ];
    const { rest } = withinBudget(runs, { chunks }, 150);
    expect(rest).toEqual([{ startBlock: 10, blocks: 10 }, runs[1]]);
    expect(withinBudget(runs, { chunks }, 1000).rest).toEqual([]);
  });

  it("is empty without a budget, and never longer than what was given", () => {
    expect(within([[0, 1]], 0)).toEqual([]);
    const run = fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 40 }));
    fc.assert(
      fc.property(fc.array(run), fc.nat(2000), (runs, budgetBytes) => {
        const kept = within(runs, budgetBytes);
        expect(kept.length).toBeLessThanOrEqual(runs.length);
        for (const [i, [startBlock, blocks]] of kept.entries()) {
          expect(startBlock).toBe(runs[i]?.[0]);
          expect(blocks).toBeLessThanOrEqual(runs[i]?.[1] ?? 0);
        }
      }),
    );
  });
});
