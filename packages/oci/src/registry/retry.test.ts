import { describe, expect, it } from "vitest";
import { RegistryError, RegistryUnavailableError } from "./errors.js";
import { pauseAfter, retrying } from "./retry.js";

const config = { maxAttempts: 3, firstDelayMs: 1, maxDelayMs: 2, maxRetryAfterMs: 50 };
const passing = (retryAfterMs?: number): RegistryError =>
  new RegistryUnavailableError("in trouble", { request: "GET x", retryAfterMs });

describe("a request that fails", () => {
  it("is made again until it succeeds, and told which attempt it is", async () => {
    const attempts: number[] = [];
    const work = (attempt: number): Promise<string> => {
      attempts.push(attempt);
      return attempt < 3 ? Promise.reject(passing()) : Promise.resolve("there");
    };
    expect(await retrying(config, work)).toBe("there");
    expect(attempts).toEqual([1, 2, 3]);
  });

  it.each([
    ["after its last attempt", passing(), 3],
    ["at once when it cannot pass", new RegistryError("no", { request: "GET x" }), 1],
    ["at once when the registry wants too long a pause", passing(51), 1],
    ["at once when it is no error of a registry", new Error("bug"), 1],
  ])("is given up %s, with its own error", async (_when, error, attempts) => {
    let made = 0;
    const work = (): Promise<never> => {
      made++;
      return Promise.reject(error);
    };
    await expect(retrying(config, work)).rejects.toBe(error);
    expect(made).toBe(attempts);
  });

  it("waits as long as the registry asks, else twice as long each time, up to a limit and never in step with others", () => {
    expect(pauseAfter(passing(40), 1, config)).toBe(40);
    const wide = { ...config, firstDelayMs: 100, maxDelayMs: 300 };
    for (const [attempt, fullMs] of [
      [1, 100],
      [2, 200],
      [3, 300],
      [9, 300],
    ] as const) {
      const pauseMs = pauseAfter(passing(), attempt, wide) ?? 0;
      expect(pauseMs).toBeGreaterThanOrEqual(fullMs / 2);
      expect(pauseMs).toBeLessThanOrEqual(fullMs);
    }
  });

  it("is left in the middle of a pause when the caller leaves, with the caller's reason", async () => {
    const slow = { ...config, firstDelayMs: 60_000, maxDelayMs: 60_000 };
    const caller = new AbortController();
    setTimeout(() => caller.abort("enough"), 20);
    const { signal } = caller;
    await expect(retrying(slow, () => Promise.reject(passing()), { signal })).rejects.toBe("enough");
  });
});
