import { sha256Of } from "@sluice/oci/content";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { BlobBackoff } from "./blob-backoff.js";

const blob = sha256Of("blob");

describe("the pause before a blob is asked for again", () => {
  let backoff: BlobBackoff;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["performance"] });
    backoff = new BlobBackoff({ retryDelayMs: 100, maxRetryDelayMs: 1000 });
    return () => vi.useRealTimers();
  });

  it("grows with each failure after the last pause, up to its bound, and ends with a success", () => {
    const pauses = Array.from({ length: 6 }, () => {
      backoff.failed(blob);
      const pauseMs = backoff.remainingMs(blob);
      vi.advanceTimersByTime(pauseMs + 1);
      return pauseMs;
    });
    for (const [i, pauseMs] of pauses.entries()) {
      const fullMs = Math.min(1000, 100 * 2 ** i);
      expect(pauseMs).toBeGreaterThanOrEqual(fullMs / 2);
      expect(pauseMs).toBeLessThanOrEqual(fullMs);
    }
    backoff.succeeded(blob);
    expect(backoff.remainingMs(blob)).toBe(0);
  });

  it("is one for all that fails during it", () => {
    backoff.failed(blob);
    const pauseMs = backoff.remainingMs(blob);
    backoff.failed(blob);
    expect(backoff.remainingMs(blob)).toBe(pauseMs);
    expect(backoff.remainingMs(sha256Of("another"))).toBe(0);
  });

  it.each([
    [3000, 3000, 3000],
    [3_600_000, 15_000, 15_000],
    [-1, 50, 100],
    ["soon", 50, 100],
  ])("is at least what the source asks for, within reason: %s", (retryAfterMs, least, most) => {
    backoff.failed(blob, Object.assign(new Error("too many requests"), { retryAfterMs }));
    expect(backoff.remainingMs(blob)).toBeGreaterThanOrEqual(least);
    expect(backoff.remainingMs(blob)).toBeLessThanOrEqual(most);
  });
});
