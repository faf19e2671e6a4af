import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sampleToc } from "../testing/samples.js";
import type { ChunkTable } from "../toc/toc.js";
import type { DiskRun } from "./disk-run.js";
import { joinedRuns, normalRuns } from "./normal-runs.js";

const gibibyte = 262_144;
const run = (startBlock: number, blocks: number): DiskRun => ({ startBlock, blocks });
const blocksOf = (runs: readonly DiskRun[]): number[] =>
  runs.flatMap(({ startBlock, blocks }) => Array.from({ length: blocks }, (_, i) => startBlock + i));

/** Data in 0 to 2 and 11 to 12, zeros in 3 to 10; the same from 1 GiB on, and from 2 GiB on. */
const { chunks } = sampleToc();
const hasData = (block: number): boolean => {
  const inRegion = block % gibibyte;
  return block < 3 * gibibyte && inRegion < 13 && (inRegion < 3 || inRegion > 10);
};

describe("normal runs", () => {
  it("have every block with data once, in the order of first mention", () => {
    const near = fc.oneof(fc.nat(20), fc.integer({ min: gibibyte - 5, max: gibibyte + 20 }), fc.constant(3 * gibibyte));
    const runs = fc.array(fc.record({ startBlock: near, blocks: fc.integer({ min: 1, max: 30 }) }), { maxLength: 12 });
    fc.assert(
      fc.property(runs, (given) => {
        expect(blocksOf(normalRuns(given, chunks))).toEqual([...new Set(blocksOf(given))].filter(hasData));
      }),
    );
  });

  it("are joined where one goes on where the one before ended", () => {
    expect(normalRuns([run(1, 1), run(2, 1), run(0, 1)], chunks)).toEqual([run(1, 2), run(0, 1)]);
    expect(normalRuns([run(0, 13)], chunks)).toEqual([run(0, 3), run(11, 2)]);
  });

  it("are normal already when they are made normal again", () => {
    const once = normalRuns([run(12, 8), run(0, 13), run(gibibyte, 3)], chunks);
    expect(normalRuns(once, chunks)).toEqual(once);
  });

  it("never lie in two regions, even where one follows the other at once", () => {
    const full: ChunkTable = {
      ...chunks,
      count: 2,
      startBlock: Uint32Array.of(gibibyte - 5, gibibyte),
      blocks: Uint32Array.of(5, 5),
      compressedSize: Uint32Array.of(1, 1),
    };
    expect(normalRuns([run(gibibyte - 2, 4)], full)).toEqual([run(gibibyte - 2, 2), run(gibibyte, 2)]);
    expect(joinedRuns([run(gibibyte - 2, 2), run(gibibyte, 2)])).toHaveLength(2);
  });

  it("of nothing, or of what lies outside the regions, are none", () => {
    expect(normalRuns([], chunks)).toEqual([]);
    expect(normalRuns([run(100, 50), run(2 ** 32 - 1, 1)], chunks)).toEqual([]);
  });
});
