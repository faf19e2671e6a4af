import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { identifyProcess } from "../state/process-identity.js";
import { livingKeeper } from "./keeper-of.js";

describe("the keeper of a data root", () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "keeper-of-"));
    file = join(folder, "daemon.json");
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("is the one that the daemon wrote down, while it lives", async () => {
    const keeper = await identifyProcess(process.pid);
    await writeFile(file, JSON.stringify({ pid: 1, keeper }));
    expect(await livingKeeper(file)).toEqual(keeper);
  });

  it("is none when its number was given to another process, or the machine was started anew", async () => {
    const keeper = await identifyProcess(process.pid);
    await writeFile(file, JSON.stringify({ keeper: { ...keeper, startTicks: 1 } }));
    expect(await livingKeeper(file)).toBeUndefined();
    await writeFile(file, JSON.stringify({ keeper: { ...keeper, bootId: "an earlier one" } }));
    expect(await livingKeeper(file)).toBeUndefined();
  });

  it.each([
    ["absent", undefined],
    ["no JSON", "{"],
    ["without one", "{}"],
    ["not of ours", '{"keeper":{"pid":"1"}}'],
  ])("is none when the file is %s", async (_, text) => {
    if (text !== undefined) await writeFile(file, text);
    expect(await livingKeeper(file)).toBeUndefined();
  });
});
