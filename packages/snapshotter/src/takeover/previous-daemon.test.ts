import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { identifyProcess } from "../state/process-identity.js";
import { waitForEnd, waitUntilGone } from "./previous-daemon.js";

const sleeper = async () => {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  await once(child, "spawn");
  const identity = await identifyProcess(child.pid ?? 0);
  if (identity === undefined) throw new Error("it does not run");
  return { child, identity };
};

describe("an earlier daemon", () => {
  it("is alive until it ends, and then gone", async () => {
    const { child, identity } = await sleeper();
    expect(await waitForEnd(identity, 60)).toBe("alive");
    expect(await waitUntilGone(identity, 60)).toBe(false);
    const ended = waitForEnd(identity, 10_000);
    child.kill("SIGKILL");
    expect(await ended).toBe("gone");
    expect(await waitUntilGone(identity, 0)).toBe(true);
  });

  it("is gone when its number belongs to another process, or the machine was started anew", async () => {
    const { child, identity } = await sleeper();
    expect(await waitForEnd({ ...identity, startTicks: identity.startTicks - 1 }, 0)).toBe("gone");
    expect(await waitForEnd({ ...identity, bootId: "another" }, 0)).toBe("gone");
    child.kill("SIGKILL");
  });
});
