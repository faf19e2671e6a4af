import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Deadline, ProgressDeadline } from "./deadline.js";

const limits = { idleMs: 20_000, minProgressBytes: 1024, minBytesPerSecond: 4096 };

describe("waiting for a body", () => {
  let deadline: Deadline;
  let progress: ProgressDeadline;
  beforeEach(() => {
    vi.useFakeTimers();
    vi.advanceTimersByTime(100_000); // the process has run for a while
    deadline = new Deadline(undefined);
    progress = new ProgressDeadline(deadline, limits);
  });
  afterEach(() => {
    deadline.release();
    vi.useRealTimers();
  });

  /** Seconds until the deadline fires when `bytes` come every `everyMs`. */
  const lasts = (bytes: number, everyMs: number): number => {
    for (let second = 0; second < 3600; second += everyMs / 1000) {
      progress.waiting();
      vi.advanceTimersByTime(everyMs);
      if (deadline.expired) return second;
      progress.moved(bytes);
    }
    return Number.POSITIVE_INFINITY;
  };

  it("has its whole patience from the start, also when bytes of ours go first", () => {
    progress.moved(0);
    progress.waiting();
    vi.advanceTimersByTime(19_999);
    expect(deadline.expired).toBe(false);
    vi.advanceTimersByTime(1);
    expect(deadline.expired).toBe(true);
  });

  it("ends when nothing comes, and when next to nothing does", () => {
    expect(lasts(1, 1000)).toBeLessThanOrEqual(20);
  });

  it("ends when just enough drips to look alive", () => {
    expect(lasts(2048, 10_000)).toBeLessThanOrEqual(30);
  });

  it("does not end while bytes come at the lowest rate", () => {
    expect(lasts(40_960, 10_000)).toBe(Number.POSITIVE_INFINITY);
  });

  it("does not count the time that its reader takes", () => {
    for (let piece = 0; piece < 100; piece++) {
      progress.waiting();
      progress.moved(10);
      vi.advanceTimersByTime(60_000);
    }
    expect(deadline.expired).toBe(false);
  });

  it("ends with the caller's own reason, until it is released", () => {
    const caller = new AbortController();
    const followed = new Deadline(caller.signal);
    const released = new Deadline(caller.signal);
    released.release();
    caller.abort("enough");
    expect([followed.signal.reason, followed.expired, released.signal.aborted]).toEqual(["enough", false, false]);
  });
});
