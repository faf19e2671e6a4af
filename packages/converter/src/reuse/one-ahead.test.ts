import { describe, expect, it } from "vitest";
import { OneAhead } from "./one-ahead.js";

const held = (name: string, log: string[]): AsyncDisposable => ({
  [Symbol.asyncDispose]: async () => void log.push(`${name} closed`),
});
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("OneAhead", () => {
  it("runs a job behind the caller's back, and the next one after it; each closes what it holds", async () => {
    const log: string[] = [];
    await using ahead = new OneAhead();
    for (const name of ["a", "b"]) {
      await ahead.next(held(name, log), async () => {
        await turn();
        log.push(name);
      });
      log.push(`${name} started`);
    }
    await ahead.done();
    expect(log).toEqual(["a started", "a", "a closed", "b started", "b", "b closed"]);
  });

  it("tells of a job that failed before the next one starts, and closes what that one would hold", async () => {
    const log: string[] = [];
    await using ahead = new OneAhead();
    await ahead.next(held("a", log), () => Promise.reject(new Error("a failed")));
    const second = ahead.next(held("b", log), async () => void log.push("b"));
    await expect(second).rejects.toThrow("a failed");
    expect(log).toEqual(["a closed", "b closed"]);
  });

  it("is not over before its job is", async () => {
    const log: string[] = [];
    {
      await using ahead = new OneAhead();
      await ahead.next(held("a", log), turn);
    }
    expect(log).toEqual(["a closed"]);
  });
});
