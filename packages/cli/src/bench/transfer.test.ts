import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Transfer } from "./transfer.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

it("tells how much had come by when, from where it began to its end", () => {
  let bytes = 1000;
  const transfer = new Transfer(() => bytes);
  vi.advanceTimersByTime(30);
  bytes = 1500;
  vi.advanceTimersByTime(10);
  bytes = 1700;
  vi.advanceTimersByTime(5);
  expect(transfer.end()).toEqual([
    { seconds: 0, bytes: 0 },
    { seconds: 0.04, bytes: 500 },
    { seconds: 0.045, bytes: 700 },
  ]);
  expect(vi.getTimerCount()).toBe(0);
});

it("keeps a transfer of an hour as small as one of seconds, and its end exactly", () => {
  let bytes = 0;
  const transfer = new Transfer(() => bytes++);
  vi.advanceTimersByTime(3_600_000);
  const points = transfer.end();
  expect(points.length).toBeGreaterThan(200);
  expect(points.length).toBeLessThanOrEqual(513);
  expect(points.at(-1)?.seconds).toBe(3600);
  expect(points).toEqual([...points].sort((a, b) => a.seconds - b.seconds || a.bytes - b.bytes));
});

it("stops looking when it is left by an error", async () => {
  vi.useRealTimers();
  let looks = 0;
  {
    using _transfer = new Transfer(() => looks++);
  }
  const seen = looks;
  await sleep(30);
  expect(looks).toBe(seen);
});
