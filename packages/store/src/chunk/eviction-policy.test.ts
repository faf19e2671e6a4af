import { describe, expect, it } from "vitest";
import { chooseVictim, type EvictionCandidate, isHot } from "./eviction-policy.js";

describe("the choice of what to evict", () => {
  const segment = (number: number, hotBytes: number, bytes = 100): EvictionCandidate => ({ number, bytes, hotBytes });
  /** Younger than all others, as many again, and as cold as what nobody has used yet. */
  const young = [101, 102, 103, 104].map((number) => segment(number, 0));

  it("takes the oldest of segments that nobody uses", () => {
    const candidates = [5, 3, 9].map((number) => segment(number, 0));
    expect(chooseVictim(candidates, 0)?.number).toBe(3);
  });

  it("takes the oldest whose hot chunks find room elsewhere, though a younger one has fewer", () => {
    expect(chooseVictim([segment(1, 30), segment(2, 20), segment(3, 10), segment(4, 0), ...young], 25)?.number).toBe(2);
  });

  it("takes the one with the smallest hot share where none finds room", () => {
    expect(chooseVictim([segment(1, 80), segment(2, 30), segment(3, 50, 1000), ...young.slice(1)], 25)?.number).toBe(3);
  });

  it("spares the younger half, whatever is hot in the older", () => {
    expect(chooseVictim([segment(1, 100), segment(2, 90), segment(3, 95), segment(4, 99), ...young], 0)?.number).toBe(
      2,
    );
  });

  it("has nothing to take from nothing", () => {
    expect(chooseVictim([], 100)).toBeUndefined();
  });

  it("calls hot what was used after it was written, and lately", () => {
    expect(isHot(10, 10, 12, 20)).toBe(false); // a scan: used while it was written
    expect(isHot(11, 10, 12, 20)).toBe(true);
    expect(isHot(11, 10, 40, 20)).toBe(false); // long ago
    expect(isHot(3, 1, 4, 1)).toBe(true);
  });
});
