import { sha256Of } from "@sluice/oci";
import { describe, expect, it } from "vitest";
import { createSilentLog } from "../observe/log.js";
import type { MountRecord } from "./mount-journal.js";
import { Restores } from "./restores.js";

const record = (mountpoint: string): MountRecord => ({
  id: mountpoint,
  address: { reference: "r.example/a:1" },
  mountpoint,
  artifact: sha256Of(mountpoint),
  driver: "erofs",
  reason: "",
  writable: true,
  since: "2026-01-01T00:00:00Z",
});

/** Mounts fail as often as `failures` says. */
function setUp(failures: Record<string, number>) {
  const tries: string[] = [];
  const restores = new Restores({
    log: createSilentLog(),
    firstPauseMs: 1,
    restore: async ({ mountpoint }) => {
      tries.push(mountpoint);
      const left = failures[mountpoint] ?? 0;
      failures[mountpoint] = left - 1;
      if (left > 0) throw new Error("the registry is away");
    },
  });
  return { restores, tries };
}

describe("mounts that are to come back", () => {
  it("are tried once each before anybody waits for the others, and again until they are there", async () => {
    const { restores, tries } = setUp({ "/b": 3 });
    await restores.run([record("/a"), record("/b"), record("/c")]);
    expect(tries).toEqual(["/a", "/b", "/c"]);
    expect(restores.artifacts).toEqual([sha256Of("/b")]);
    await expect.poll(() => tries.length).toBe(6);
    await expect.poll(() => restores.artifacts).toEqual([]);
    restores.close();
  });

  it("are not tried again once somebody gave them up", async () => {
    const { restores, tries } = setUp({ "/a": 1000 });
    await restores.run([record("/a")]);
    const awaited = restores.on("/a");
    if (!awaited) throw new Error("it is not awaited");
    restores.giveUp(awaited);
    const before = tries.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(tries.length).toBe(before);
    expect(restores.on("/a")).toBeUndefined();
    restores.close();
  });

  it("are not tried again when the daemon stops", async () => {
    const { restores, tries } = setUp({ "/a": 1000 });
    await restores.run([record("/a")]);
    restores.close();
    const before = tries.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(tries.length).toBe(before);
  });
});
