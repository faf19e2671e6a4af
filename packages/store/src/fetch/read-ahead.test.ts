import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultReadAhead, extendRun, ReadAhead, startRun } from "./read-ahead.js";

const end = 1000;

describe("read-ahead", () => {
  it("fetches nothing ahead for one read, or for a reader who jumps", () => {
    const ahead = new ReadAhead();
    for (const chunk of [5, 900, 300, 17, 600]) {
      const { from, to } = ahead.onAccess(chunk, end);
      expect(to - from).toBe(0);
    }
  });

  it("gets ahead of a reader who goes forward, by more each time, up to the limit", () => {
    const ahead = new ReadAhead();
    let askedTo = 0;
    const sizes: number[] = [];
    for (let chunk = 0; chunk < 200; chunk++) {
      const { from, to } = ahead.onAccess(chunk, end);
      if (to > from) {
        if (sizes.length > 0) expect(from).toBe(askedTo);
        sizes.push(to - from);
        askedTo = to;
      }
      if (chunk > 1) expect(askedTo).toBeGreaterThan(chunk);
    }
    expect(sizes.slice(0, 6)).toEqual([2, 4, 8, 16, 32, 32]);
  });

  it("goes on when only misses and marked chunks are reported", () => {
    const ahead = new ReadAhead();
    ahead.onAccess(0, end);
    let { from, to } = ahead.onAccess(1, end);
    for (let i = 0; i < 5; i++) {
      const next = ahead.onAccess(from, end);
      expect(next.from).toBe(to);
      expect(next.to).toBeGreaterThan(next.from);
      ({ from, to } = next);
    }
  });

  it("follows readers who go on side by side", () => {
    const ahead = new ReadAhead();
    for (let i = 0; i < 2; i++) for (const base of [0, 300, 600]) ahead.onAccess(base + i, end);
    for (const base of [0, 300, 600]) {
      const { from, to } = ahead.onAccess(base + 2, end);
      expect(from).toBe(base + 4);
      expect(to).toBe(base + 8);
    }
  });

  it("never asks past the end, backwards, or for more than its window", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { maxLength: 60 }), (chunks) => {
        const ahead = new ReadAhead();
        for (const chunk of chunks) {
          const { from, to } = ahead.onAccess(chunk, 61);
          expect(to).toBeLessThanOrEqual(Math.max(61, from));
          expect(to - from).toBeGreaterThanOrEqual(0);
          expect(to - from).toBeLessThanOrEqual(defaultReadAhead.maxWindow);
        }
      }),
    );
  });

  it("takes a second read of one chunk for no direction", () => {
    const { run, fetch } = extendRun(startRun(7), 7, end, defaultReadAhead);
    expect(run.length).toBe(1);
    expect(fetch.to - fetch.from).toBe(0);
  });
});
