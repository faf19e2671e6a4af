import { describe, expect, it } from "vitest";
import { chooseVictim, isHot } from "./eviction-policy.js";

describe("the choice of what to evict", () => {
  it("takes the oldest of segments that nobody uses", () => {
    const candidates = [5, 3, 9].map((number) => ({ number, bytes: 100, hotBytes: 0 }));
    expect(chooseVictim(candidates)?.number).toBe(3);
  });

  it("spares a segment in use for a younger one that is not", () => {
    const candidates = [
      { number: 1, bytes: 100, hotBytes: 80 },
      { number: 2, bytes: 100, hotBytes: 10 },
      { number: 3, bytes: 1000, hotBytes: 50 },
    ];
    expect(chooseVictim(candidates)?.number).toBe(3);
  });

  it("has nothing to take from nothing", () => {
    expect(chooseVictim([])).toBeUndefined();
  });

  it("calls hot what was used after it was written, and lately", () => {
    expect(isHot(10, 10, 12, 20)).toBe(false); // a scan: used while it was written
    expect(isHot(11, 10, 12, 20)).toBe(true);
    expect(isHot(11, 10, 40, 20)).toBe(false); // long ago
    expect(isHot(3, 1, 4, 1)).toBe(true);
  });
});
