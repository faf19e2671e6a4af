import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PlannedChunk } from "./plan-chunks.js";
import { iterateChunks, plannedChunksOf } from "./planned-chunks.js";

const runs = fc
  .array(fc.tuple(fc.integer({ min: -1, max: 2 ** 40 }), fc.integer({ min: 1, max: 256 })), { minLength: 1 })
  .map((pairs) => Float64Array.from(pairs.flat()));
const chunk: fc.Arbitrary<PlannedChunk> = fc.record({
  blocks: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  runs: fc.option(runs, { nil: undefined }),
});

describe("planned chunks as columns", () => {
  it("come out as they went in, zero chunks among them", () => {
    fc.assert(
      fc.property(fc.array(chunk), (chunks) => {
        expect([...iterateChunks(plannedChunksOf(chunks))]).toEqual(chunks);
      }),
    );
  });

  it("give runs that do not drag those of all others along", () => {
    const one = { blocks: 1, runs: Float64Array.of(7, 1) };
    for (const { runs } of iterateChunks(plannedChunksOf([one, one, one]))) expect(runs?.buffer.byteLength).toBe(16);
  });
});
