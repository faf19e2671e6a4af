import { describe, expect, it } from "vitest";
import { noMilestones, noteAsked, stagesOf } from "./chunk-wait.js";

const whole = { lookedUp: 10, firstAsked: 30, lastAsked: 70, firstByte: 150, arrived: 310, landed: 630 };
const total = (stages: Readonly<Record<string, number>>): number => Object.values(stages).reduce((sum, ms) => sum + ms);

describe("the stages of a wait for a chunk", () => {
  it("are what lies between its milestones", () => {
    expect(stagesOf(whole, 0, 1000)).toEqual({
      ...{ disk: 10, queue: 20, retry: 40, registry: 80, transfer: 160, decompression: 320, daemon: 370 },
    });
  });

  it("begin with the waiter, and end with it, and add up to its wait", () => {
    const stages = stagesOf(whole, 100, 200);
    expect(stages).toMatchObject({
      disk: 0,
      queue: 0,
      retry: 0,
      registry: 50,
      transfer: 50,
      decompression: 0,
      daemon: 0,
    });
    expect(total(stages)).toBe(100);
  });

  it("give all that is left to the one that is not over", () => {
    const passed = { ...noMilestones(), lookedUp: 10 };
    noteAsked(passed, 20);
    noteAsked(passed, 50);
    expect(stagesOf(passed, 0, 100)).toMatchObject({ disk: 10, queue: 10, retry: 30, registry: 50, transfer: 0 });
  });

  it("are the disk's alone for a chunk that was in the store", () => {
    expect(stagesOf({ ...noMilestones(), landed: 90 }, 0, 100)).toMatchObject({
      disk: 90,
      queue: 0,
      registry: 0,
      daemon: 10,
    });
  });
});
