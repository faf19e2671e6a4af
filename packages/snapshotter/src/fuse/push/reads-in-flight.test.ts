import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createReadsInFlight, ReadsInFlight } from "./reads-in-flight.js";

const run = (startBlock: number, blocks: number) => ({ startBlock, blocks });

describe("reads in flight", () => {
  it("are seen by another thread's view from enter to leave, in their own disk", () => {
    const shared = createReadsInFlight();
    const [main, push] = [new ReadsInFlight(shared), new ReadsInFlight(shared)];
    const row = main.enter(16, run(10, 5));
    expect(push.within(16, run(0, 100))).toEqual(run(10, 5));
    expect(push.within(16, run(12, 1))).toEqual(run(12, 1));
    expect(push.within(17, run(0, 100))).toBeUndefined();
    expect(push.within(16, run(0, 10))).toBeUndefined();
    expect(push.within(16, run(15, 10))).toBeUndefined();
    main.leave(row);
    expect(push.within(16, run(0, 100))).toBeUndefined();
  });

  it("are seen at the end of the largest disk", () => {
    const table = new ReadsInFlight(createReadsInFlight());
    const last = run(2 ** 32 - 8, 8);
    table.enter(16, last);
    expect(table.within(16, run(2 ** 32 - 100, 100))).toEqual(last);
    expect(table.within(16, run(0, 100))).toBeUndefined();
  });

  it("are found first block first, whatever order they came in", () => {
    const block = fc.record({ startBlock: fc.nat(200), blocks: fc.integer({ min: 1, max: 40 }) });
    fc.assert(
      fc.property(fc.array(block, { maxLength: 20 }), block, (reads, wanted) => {
        const table = new ReadsInFlight(createReadsInFlight());
        for (const read of reads) table.enter(16, read);
        const isRead = (at: number): boolean =>
          reads.some(({ startBlock, blocks }) => startBlock <= at && at < startBlock + blocks);
        const inside = Array.from({ length: wanted.blocks }, (_, i) => wanted.startBlock + i);
        const found = table.within(16, wanted);
        expect(found?.startBlock).toBe(inside.find(isRead));
        if (found)
          expect(
            inside.filter((at) => at < found.startBlock + found.blocks && at >= found.startBlock).every(isRead),
          ).toBe(true);
      }),
    );
  });

  it("count as being everywhere while there are more than the table holds", () => {
    const table = new ReadsInFlight(createReadsInFlight());
    const rows = Array.from({ length: 513 }, (_, i) => table.enter(16, run(1000 + i, 1)));
    expect(table.within(99, run(0, 1))).toEqual(run(0, 1));
    table.leave(rows[512] ?? 0);
    expect(table.within(99, run(0, 1))).toBeUndefined();
  });
});
