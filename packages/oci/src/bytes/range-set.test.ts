import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RangeSet } from "./range-set.js";

const range = fc.tuple(fc.nat(60), fc.nat(20)).map(([start, size]) => ({ start, end: start + size }));

describe("RangeSet", () => {
  it("joins ranges that touch", () => {
    const set = new RangeSet([
      { start: 0, end: 4 },
      { start: 8, end: 12 },
      { start: 4, end: 8 },
    ]);
    expect(set.ranges).toEqual([{ start: 0, end: 12 }]);
  });

  it("answers as a set of single bytes would", () => {
    fc.assert(
      fc.property(fc.array(range), range, (added, asked) => {
        const model = new Set(
          added.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, at) => start + at)),
        );
        const set = new RangeSet(added);
        expect(set.sizeBytes).toBe(model.size);
        const missing = set
          .missing(asked)
          .flatMap(({ start, end }) => Array.from({ length: end - start }, (_, at) => start + at));
        const expected = Array.from({ length: asked.end - asked.start }, (_, at) => asked.start + at).filter(
          (byte) => !model.has(byte),
        );
        expect(missing).toEqual(expected);
        expect(set.contains(asked)).toBe(expected.length === 0);
        for (const [at, one] of set.ranges.entries()) {
          expect(one.start).toBeLessThan(one.end);
          expect(one.start).toBeGreaterThan(set.ranges[at - 1]?.end ?? -1);
        }
      }),
    );
  });
});
