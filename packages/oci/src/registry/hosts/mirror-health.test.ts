import { describe, expect, it } from "vitest";
import { NotFoundError } from "../../repository/errors.js";
import { RangeIgnoredError, RegistryTimeoutError, UnauthorizedError } from "../errors.js";
import { MirrorHealth } from "./mirror-health.js";

const blob = { repository: "app", target: "a", isRange: true };
const other = { repository: "app", target: "b", isRange: true };
const elsewhere = { repository: "lib", target: "a", isRange: true };
const facts = { request: "GET x" };
const seconds = (count: number): number => count * 1000;

describe("what is remembered of a mirror", () => {
  it("is a missing blob, for half a minute, and of nothing else", () => {
    const health = new MirrorHealth();
    health.failed(new NotFoundError("no"), blob, 0);
    expect([blob, other, elsewhere].map((one) => health.gives(one, seconds(29)))).toEqual([false, true, true]);
    expect(health.gives(blob, seconds(31))).toBe(true);
  });

  it("is that we may not read a repository", () => {
    const health = new MirrorHealth();
    health.failed(new UnauthorizedError("no", facts), blob, 0);
    expect([blob, other, elsewhere].map((one) => health.gives(one, seconds(60)))).toEqual([false, false, true]);
  });

  it("is a 401 that may pass for a moment only", () => {
    const health = new MirrorHealth();
    health.failed(new UnauthorizedError("no", facts, true), blob, 0);
    expect([4, 6].map((after) => health.gives(blob, seconds(after)))).toEqual([false, true]);
  });

  it("is that it gives no ranges", () => {
    const health = new MirrorHealth();
    health.failed(new RangeIgnoredError("no", facts), blob, 0);
    expect(health.gives(elsewhere, seconds(60))).toBe(false);
    expect(health.gives({ ...blob, isRange: false }, seconds(60))).toBe(true);
  });

  it("is that it failed, for longer each time up to a minute, until it works again", () => {
    const health = new MirrorHealth();
    const restSeconds = (fromSeconds: number): number => {
      health.failed(new RegistryTimeoutError("late", facts), blob, seconds(fromSeconds));
      let rest = 0;
      while (!health.gives(elsewhere, seconds(fromSeconds + rest))) rest++;
      return rest;
    };
    expect([0, 100, 200, 300, 400, 500].map(restSeconds)).toEqual([5, 10, 20, 40, 60, 60]);
    health.worked();
    expect(restSeconds(600)).toBe(5);
  });

  it("is one failure when many requests that were under way fail together", () => {
    const health = new MirrorHealth();
    for (let i = 0; i < 8; i++) health.failed(new RegistryTimeoutError("late", facts), blob, i);
    expect(health.gives(other, seconds(4))).toBe(false);
    expect(health.gives(other, seconds(5.1))).toBe(true);
  });
});
