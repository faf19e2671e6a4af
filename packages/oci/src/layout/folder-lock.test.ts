import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withLock } from "./folder-lock.js";
import { type LockOwner, newOwner, ownerText } from "./lock-owner.js";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-lock-"));
  path = join(folder, "lock");
});
afterEach(() => rm(folder, { recursive: true }));

const noProcess = 2_147_483_646;
const leaveLock = async (changes: Partial<LockOwner>): Promise<void> =>
  writeFile(path, ownerText({ ...(await newOwner()), ...changes }));
const hourAgo = new Date(Date.now() - 3_600_000);

/** Rejects when the lock is not had within a moment. */
const soon = <T>(work: () => Promise<T>): Promise<T> => withLock(path, work, { signal: AbortSignal.timeout(300) });

describe("a folder lock", () => {
  it("lets one in at a time, and leaves nothing behind", async () => {
    let inside = 0;
    const visit = (): Promise<void> =>
      withLock(path, async () => {
        expect(++inside).toBe(1);
        await sleep(1);
        inside--;
      });
    await Promise.all(Array.from({ length: 10 }, visit));
    expect(await readdir(folder)).toEqual([]);
  });

  it("is given back when the work fails", async () => {
    await expect(withLock(path, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await soon(() => Promise.resolve("next"))).toBe("next");
  });

  it("is waited for until the caller's signal fires", async () => {
    await withLock(path, async () => {
      await expect(soon(() => Promise.resolve())).rejects.toMatchObject({ name: "TimeoutError" });
    });
  });

  it("of a process that is gone is taken over at once, also when its number was given to another", async () => {
    await leaveLock({ pid: noProcess });
    expect(await soon(() => Promise.resolve("mine"))).toBe("mine");
    await leaveLock({ startTicks: "1" });
    expect(await soon(() => Promise.resolve("mine"))).toBe("mine");
  });

  it("of a living process is never taken over, however long it stands still", async () => {
    await leaveLock({});
    await utimes(path, hourAgo, hourAgo);
    await expect(soon(() => Promise.resolve())).rejects.toThrow();
  });

  it.each([
    ["another container", { pid: noProcess, pidNamespace: "pid:[1]" }],
    ["another machine", { pid: noProcess, bootId: "another" }],
  ])("of %s is told alive by its heartbeat, not by a process number that means nothing here", async (_who, owner) => {
    await leaveLock(owner);
    await expect(soon(() => Promise.resolve())).rejects.toThrow();
    await utimes(path, hourAgo, hourAgo);
    expect(await soon(() => Promise.resolve("mine"))).toBe("mine");
  });

  it.each(["", "{", "123", '{"pid":"x"}'])("with the words %j is taken over when it is old", async (text) => {
    await writeFile(path, text);
    await expect(soon(() => Promise.resolve())).rejects.toThrow();
    await utimes(path, hourAgo, hourAgo);
    expect(await soon(() => Promise.resolve("mine"))).toBe("mine");
  });

  it("that was left by the dead goes to one of many contenders at a time", async () => {
    for (let round = 0; round < 40; round++) {
      await leaveLock({ pid: noProcess });
      let inside = 0;
      const visit = (): Promise<void> =>
        withLock(path, async () => {
          expect(++inside).toBe(1);
          await sleep(2 * Math.random());
          expect(inside--).toBe(1);
        });
      await Promise.all(Array.from({ length: 3 + (round % 3) }, visit));
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it("is taken from the dead also when whoever was doing so died in the middle", async () => {
    const dead = { ...(await newOwner()), pid: noProcess };
    await writeFile(path, ownerText(dead));
    await leaveClaim(dead);
    expect(await soon(() => Promise.resolve("mine"))).toBe("mine");
    expect(await readdir(folder)).toEqual([]);
  });
});

const leaveClaim = async (dead: LockOwner): Promise<void> =>
  writeFile(`${path}.${dead.token}`, ownerText({ ...(await newOwner()), pid: noProcess }));
