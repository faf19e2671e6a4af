import { beforeEach, describe, expect, it } from "vitest";
import { Attempts } from "./attempts.js";

const maxFailures = 5;

describe("tries of passwords", () => {
  let attempts: Attempts;
  let running: number;
  let most: number;
  let proofs: number;
  beforeEach(() => {
    attempts = new Attempts(maxFailures);
    [running, most, proofs] = [0, 0, 0];
  });
  /** Takes a turn of the event loop, as hashing does. */
  const proving = (answer: string | undefined) => async (): Promise<string | undefined> => {
    proofs++;
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    return answer;
  };
  const statuses = async (tries: readonly Promise<unknown>[]): Promise<number[]> => {
    const outcomes = await Promise.allSettled(tries);
    return ["fulfilled", "rejected"].map((status) => outcomes.filter((outcome) => outcome.status === status).length);
  };
  const many = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at);

  it("looks at no more wrong ones than the limit when a thousand come at once from one address", async () => {
    const tries = many(1000).map((at) => attempts.try({ address: "a", account: `n${at}` }, proving(undefined)));
    expect(await statuses(tries)).toEqual([maxFailures, 1000 - maxFailures]);
    expect(proofs).toBe(maxFailures);
    await expect(attempts.try({ address: "a", account: "x" }, proving("right"))).rejects.toMatchObject({
      code: "TOOMANYREQUESTS",
    });
  });

  it("hold up guesses at one account from many addresses, ten times as many, and nobody else", async () => {
    const tries = many(100).map((at) => attempts.try({ address: `a${at}`, account: "n" }, proving(undefined)));
    expect(await statuses(tries)).toEqual([10 * maxFailures, 100 - 10 * maxFailures]);
    expect(await attempts.try({ address: "a0", account: "other" }, proving("right"))).toBe("right");
  });

  it("count no right ones, however many come at once, and run two of them at a time", async () => {
    const tries = many(100).map(() => attempts.try({ address: "a", account: "n" }, proving("right")));
    expect(await statuses(tries)).toEqual([100, 0]);
    expect(most).toBe(2);
  });

  it("wait in a line that ends", async () => {
    const tries = many(1100).map(() => attempts.try({ address: "a", account: "n" }, proving("right")));
    const [, refused = 0] = await statuses(tries);
    expect(refused).toBe(1100 - 1002);
  });
});
