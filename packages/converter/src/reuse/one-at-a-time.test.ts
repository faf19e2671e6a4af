import { describe, expect, it } from "vitest";
import { OneAtATime } from "./one-at-a-time.js";

const held = (name: string, log: string[]): AsyncDisposable => ({
  [Symbol.asyncDispose]: async () => void log.push(`${name} closed`),
});
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("OneAtATime", () => {
  it("runs a job behind the caller's back, and the next one after it; each closes what it holds", async () => {
    const log: string[] = [];
    await using jobs = new OneAtATime();
    for (const name of ["a", "b"]) {
      await jobs.start(held(name, log), async () => {
        await turn();
        log.push(name);
      });
      log.push(`${name} started`);
    }
    await jobs.done();
    expect(log).toEqual(["a started", "a", "a closed", "b started", "b", "b closed"]);
  });

  it("never runs two, however many callers wait", async () => {
    const log: string[] = [];
    await using jobs = new OneAtATime();
    const names = ["a", "b", "c"];
    const job = (name: string) => async () => {
      log.push(`${name} in`);
      await turn();
      log.push(`${name} out`);
    };
    await Promise.all(names.map((name) => jobs.start(held(name, []), job(name))));
    await jobs.done();
    expect(log).toEqual(names.flatMap((name) => [`${name} in`, `${name} out`]));
  });

  it("tells of a job that failed before the next one starts, and closes what that one would hold", async () => {
    const log: string[] = [];
    await using jobs = new OneAtATime();
    await jobs.start(held("a", log), () => Promise.reject(new Error("a failed")));
    const second = jobs.start(held("b", log), async () => void log.push("b"));
    await expect(second).rejects.toThrow("a failed");
    await expect(jobs.done()).rejects.toThrow("a failed");
    expect(log).toEqual(["a closed", "b closed"]);
  });

  it("is not over before its job is", async () => {
    const log: string[] = [];
    {
      await using jobs = new OneAtATime();
      await jobs.start(held("a", log), turn);
    }
    expect(log).toEqual(["a closed"]);
  });
});
