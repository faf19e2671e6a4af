import { maxRecordedBlocks } from "@sluice/disk";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PageTrace } from "./page-trace.js";

const reads = fc.array(
  fc.record({ offset: fc.nat(40 * 4096), length: fc.integer({ min: 1, max: 5 * 4096 }), waitMs: fc.nat(20) }),
);

describe("the trace of pages", () => {
  it("names each page that was read once, in the order and at the time of its first read", () => {
    fc.assert(
      fc.property(reads, (all) => {
        const trace = new PageTrace(1000);
        const first = new Map<number, number>();
        let now = 1000;
        for (const { offset, length, waitMs } of all) {
          now += waitMs;
          trace.touch(offset, length, now);
          for (let block = Math.floor(offset / 4096); block * 4096 < offset + length; block++) {
            if (!first.has(block)) first.set(block, now - 1000);
          }
        }
        const pages = trace.runs.flatMap(({ startBlock, blocks, milliseconds }) =>
          Array.from({ length: blocks }, (_, i) => ({ block: startBlock + i, milliseconds })),
        );
        expect(pages.map(({ block }) => block)).toEqual([...first.keys()]);
        for (const run of trace.runs) expect(first.get(run.startBlock)).toBe(run.milliseconds);
      }),
    );
  });

  it("joins pages that follow one another at once, and not those that are touched later", () => {
    const trace = new PageTrace(0);
    trace.touch(0, 8192, 1);
    trace.touch(8192, 4096, 4);
    trace.touch(12_288, 4096, 40);
    expect(trace.runs).toEqual([
      { startBlock: 0, blocks: 3, milliseconds: 1 },
      { startBlock: 3, blocks: 1, milliseconds: 40 },
    ]);
  });

  it("knows blocks far out on a large disk", () => {
    const trace = new PageTrace(0);
    trace.touch((2 ** 32 - 1) * 4096, 4096, 0);
    trace.touch(0, 4096, 0);
    trace.touch((2 ** 32 - 1) * 4096, 4096, 0);
    expect(trace.runs.map(({ startBlock }) => startBlock)).toEqual([2 ** 32 - 1, 0]);
  });

  it("ends where a recording has no room for more", () => {
    const trace = new PageTrace(0);
    trace.touch(0, (maxRecordedBlocks + 3) * 4096, 0);
    expect(trace.runs).toEqual([{ startBlock: 0, blocks: maxRecordedBlocks, milliseconds: 0 }]);
  });
});
