import { describe, expect, it } from "vitest";
import { Latency, sumLatency } from "./latency.js";

describe("a histogram of times", () => {
  it("has a bucket for each power of two in microseconds, and the last one open", () => {
    const latency = new Latency();
    for (const milliseconds of [0, 0.0019, 0.002, 1, 1e9]) latency.add(milliseconds);
    const { buckets } = latency.counts();
    expect(buckets[0]).toBe(2);
    expect(buckets[1]).toBe(1);
    expect(buckets[9]).toBe(1); // 512 to 1,023 µs is bucket 9
    expect(buckets.at(-1)).toBe(1);
  });

  it("sums seconds and buckets over threads", () => {
    const [one, other] = [new Latency(), new Latency()];
    one.add(1000);
    other.add(500);
    other.add(1000);
    const { seconds, buckets } = sumLatency([one.counts(), other.counts()]);
    expect(seconds).toBeCloseTo(2.5);
    expect(buckets.reduce((sum, count) => sum + count)).toBe(3);
  });
});
