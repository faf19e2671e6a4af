import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { playTimeline, seededTimeline, type TimedFault } from "./fault-timeline.js";
import { FaultPlan, type FaultyRequest } from "./faults.js";

const request: FaultyRequest = { method: "GET", path: "/v2/", headers: {}, listener: "registry" };

describe("a timeline of faults", () => {
  it("is the same for the same seed, and another for another", () => {
    const of = (seed: number) => seededTimeline({ seed, lengthMs: 60_000, perMinute: 30 });
    expect(of(7)).toEqual(of(7));
    expect(of(7)).not.toEqual(of(8));
  });

  it("has as many faults as were asked for, in order, inside its length, and in time every kind", () => {
    const timeline = seededTimeline({ seed: 1, lengthMs: 600_000, perMinute: 30 });
    expect(timeline).toHaveLength(300);
    const starts = timeline.map(({ atMs }) => atMs);
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
    expect(starts.at(-1)).toBeLessThan(600_000);
    for (const { probability } of timeline) expect(probability).toBeLessThanOrEqual(1);
    expect(new Set(timeline.map(({ fault }) => fault.kind)).size).toBe(10);
  });
});

describe("playing a timeline", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const timeline: readonly TimedFault[] = [
    { atMs: 100, forMs: 50, fault: { kind: "reset" }, probability: 1 },
    { atMs: 120, forMs: 1000, fault: { kind: "html" }, probability: 1 },
  ];
  const kindsNow = (plan: FaultPlan): string[] => plan.take(request).map(({ kind }) => kind);

  it("lets each fault begin and end at its time", () => {
    const plan = new FaultPlan();
    playTimeline(plan, timeline);
    expect(kindsNow(plan)).toEqual([]);
    vi.advanceTimersByTime(110);
    expect(kindsNow(plan)).toEqual(["reset"]);
    vi.advanceTimersByTime(20);
    expect(kindsNow(plan)).toEqual(["reset", "html"]);
    vi.advanceTimersByTime(30);
    expect(kindsNow(plan)).toEqual(["html"]);
    vi.advanceTimersByTime(2000);
    expect(kindsNow(plan)).toEqual([]);
  });

  it("spoils only the requests it is meant for", () => {
    const plan = new FaultPlan();
    playTimeline(plan, timeline, ({ listener }) => listener === "storage");
    vi.advanceTimersByTime(110);
    expect(kindsNow(plan)).toEqual([]);
    expect(plan.take({ ...request, listener: "storage" })).toHaveLength(1);
  });

  it("ends at once with everything that runs and was to come", () => {
    const plan = new FaultPlan();
    const stop = playTimeline(plan, timeline);
    vi.advanceTimersByTime(110);
    stop();
    expect(kindsNow(plan)).toEqual([]);
    vi.advanceTimersByTime(500);
    expect(kindsNow(plan)).toEqual([]);
  });
});
