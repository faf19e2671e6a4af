import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runMain } from "../testing/run-main.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pools-"));
});
afterEach(() => rm(folder, { recursive: true }));
const pools = (...words: string[]) =>
  runMain(["-o", "json", "node-pool", ...words, "--file", join(folder, "pools.yaml")]);
const shown = async (name: string): Promise<unknown> => JSON.parse((await pools("show", name)).stdout);

describe("node-pool", () => {
  it("adds, updates and shows a pool's artifactStreamingProfile", async () => {
    expect((await pools("add", "one", "--enable-streaming")).exitCode).toBe(0);
    expect((await pools("add", "two")).exitCode).toBe(0);
    expect(await shown("one")).toEqual({ name: "one", artifactStreamingProfile: { enabled: true } });
    expect(await shown("two")).toEqual({ name: "two", artifactStreamingProfile: { enabled: false } });
    expect((await pools("update", "two", "--enable-streaming", "true")).exitCode).toBe(0);
    expect((await pools("update", "one", "--enable-streaming", "false")).exitCode).toBe(0);
    expect(await shown("two")).toMatchObject({ artifactStreamingProfile: { enabled: true } });
    expect(await shown("one")).toMatchObject({ artifactStreamingProfile: { enabled: false } });
  });

  it("tells wrong usage from pools that are not there", async () => {
    expect((await pools("update", "one")).exitCode).toBe(2);
    expect((await pools("add", "one", "--enable-streaming", "maybe")).exitCode).toBe(2);
    const { exitCode, stderr } = await pools("show", "none");
    expect(exitCode).toBe(1);
    expect(JSON.parse(stderr).error.code).toBe("NODE_POOL_NOT_FOUND");
  });
});
