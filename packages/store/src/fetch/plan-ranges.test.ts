import { sha256Of } from "@sluice/oci/content";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type FetchCause, rankOf } from "./fetch-request.js";
import { planRanges, type Wanted } from "./plan-ranges.js";

const blobs = [sha256Of("a"), sha256Of("b")] as const;
const limits = { coalesceGapBytes: 100, maxRangeBytes: 1000 };

const want = (start: number, end: number, cause: FetchCause = "demand", blob = blobs[0]): Wanted => ({
  place: { id: sha256Of(`${start}`), sizeBytes: 1, blob, frame: { start, end } },
  cause,
});

describe("the plan of ranges", () => {
  it("is empty for nothing", () => {
    expect(planRanges([], limits)).toEqual([]);
  });

  it("bridges gaps up to the limit, and no wider", () => {
    const ranges = planRanges([want(0, 10), want(110, 120), want(221, 230)], limits).map((plan) => plan.range);
    expect(ranges).toEqual([
      { start: 0, end: 120 },
      { start: 221, end: 230 },
    ]);
  });

  it("joins nothing of different blobs", () => {
    expect(planRanges([want(0, 10), want(10, 20, "demand", blobs[1])], limits)).toHaveLength(2);
  });

  it("lets read-ahead ride behind demand, never before it", () => {
    const behind = planRanges([want(0, 10), want(10, 20, "read-ahead")], limits);
    expect(behind).toMatchObject([{ cause: "demand", range: { start: 0, end: 20 } }]);
    const before = planRanges([want(0, 10, "read-ahead"), want(10, 20)], limits);
    expect(before.map((plan) => plan.cause)).toEqual(["demand", "read-ahead"]);
  });

  it("covers every chunk once, in order, within its limits", () => {
    const wanted = fc.record({
      start: fc.nat(5000),
      size: fc.integer({ min: 1, max: 400 }),
      cause: fc.constantFrom<FetchCause>("demand", "read-ahead", "background"),
      blob: fc.constantFrom(...blobs),
    });
    fc.assert(
      fc.property(fc.array(wanted, { maxLength: 40 }), (list) => {
        const all = list.map(({ start, size, cause, blob }) => want(start, start + size, cause, blob));
        const plans = planRanges(all, limits);
        expect(plans.flatMap((plan) => plan.wanted).length).toBe(all.length);
        expect(new Set(plans.flatMap((plan) => plan.wanted)).size).toBe(all.length);
        for (const { range, wanted: members, blob } of plans) {
          expect(range.end - range.start).toBeLessThanOrEqual(limits.maxRangeBytes);
          let start = 0;
          let rank = rankOf.demand;
          for (const { place, cause } of members) {
            expect(place.blob).toBe(blob);
            expect(place.frame.start).toBeGreaterThanOrEqual(Math.max(range.start, start));
            expect(place.frame.end).toBeLessThanOrEqual(range.end);
            expect(rankOf[cause]).toBeLessThanOrEqual(rank);
            start = place.frame.start;
            rank = rankOf[cause];
          }
        }
      }),
    );
  });
});
