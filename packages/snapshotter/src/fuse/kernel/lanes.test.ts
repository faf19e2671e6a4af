import { describe, expect, it } from "vitest";
import { inMountLane, inUnmountLane, laneWidths, poolThreads } from "./lanes.js";

describe("the lanes of calls that wait", () => {
  it.each([4, 5, 8, 16, 1024])("leave threads of a pool of %i for those who bring what is waited for", (threads) => {
    const { mounts, unmounts } = laneWidths(threads);
    expect(mounts).toBeGreaterThan(0);
    expect(unmounts).toBeGreaterThan(0);
    expect(threads - mounts - unmounts).toBeGreaterThan(0);
  });

  it.each([
    [undefined, 4],
    ["16", 16],
    ["0", 4],
    ["many", 4],
    ["5000", 1024],
  ])("take UV_THREADPOOL_SIZE %s for %i threads", (text, threads) => {
    expect(poolThreads(text)).toBe(threads);
  });

  it("do not let unmounts wait for mounts that do not end", async () => {
    const { mounts } = laneWidths(poolThreads(process.env["UV_THREADPOOL_SIZE"]));
    const ends: (() => void)[] = [];
    const waiting = Array.from({ length: mounts + 1 }, () =>
      inMountLane(() => new Promise<void>((resolve) => ends.push(resolve))),
    );
    await inUnmountLane(async () => undefined);
    expect(ends.length).toBe(mounts);
    while (ends.length > 0) {
      ends.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(waiting);
  });
});
