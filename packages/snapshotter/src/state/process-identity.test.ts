import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { identifyProcess, isAlive } from "./process-identity.js";

describe("the identity of a process", () => {
  it("stays the same while the process runs and is dead afterwards", async () => {
    const child = spawn("sleep", ["60"], { stdio: "ignore" });
    try {
      await once(child, "spawn");
      const identity = await identifyProcess(child.pid ?? 0);
      if (!identity) throw new Error("the child does not run");
      expect(await isAlive(identity)).toBe(true);
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
      expect(await isAlive(identity)).toBe(false);
    } finally {
      child.kill("SIGKILL");
    }
  });

  it("differs from that of another process that got the number", async () => {
    const identity = await identifyProcess(process.pid);
    if (!identity) throw new Error("this process does not run");
    expect(await isAlive({ ...identity, startTicks: identity.startTicks + 1 })).toBe(false);
    expect(await isAlive({ ...identity, bootId: "another boot" })).toBe(false);
  });

  it("is undefined for a number that no process has", async () => {
    expect(await identifyProcess(2 ** 30)).toBeUndefined();
  });
});
