import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LevelChanges, SteadyLevel } from "./steady-level.js";

describe("a steady level database", () => {
  let folder: string;
  let level: SteadyLevel;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-level-"));
    level = await SteadyLevel.open(folder);
  });
  afterEach(async () => {
    await level[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });
  const words = () => level.part(level.db.sublevel<string, string>("words", {}));
  const full = () =>
    Object.assign(new Error(`IO error: ${folder}/000003.log: No space left on device`), { code: "LEVEL_IO_ERROR" });

  it("writes puts and deletions of several parts in one step, and keeps them", async () => {
    const [some, others] = [
      words(),
      level.part(level.db.sublevel<string, { n: number }>("n", { valueEncoding: "json" })),
    ];
    await level.write(new LevelChanges().put("a", "1", some).put("b", { n: 2 }, others));
    await level.write(new LevelChanges().del("a", some).put("c", "3", some));
    expect([await some.get("a"), await some.get("c"), await others.get("b")]).toEqual([undefined, "3", { n: 2 }]);
    await level[Symbol.asyncDispose]();
    level = await SteadyLevel.open(folder);
    expect(await words().get("c")).toBe("3");
  });

  it("writes what comes during a write with the next one", async () => {
    const [part, batch] = [words(), vi.spyOn(level.db, "batch")];
    const keys = Array.from({ length: 10 }, (_, at) => `k${at}`);
    await Promise.all(keys.map((key) => level.write(new LevelChanges().put(key, key, part))));
    expect(batch).toHaveBeenCalledTimes(2);
    expect(await part.getMany(keys)).toEqual(keys);
  });

  it("names the full disk, reads on, and opens the database anew before it writes behind a failure", async () => {
    const part = words();
    await level.write(new LevelChanges().put("before", "1", part));
    const opened = vi.spyOn(level.db, "open");
    vi.spyOn(level.db, "batch").mockRejectedValueOnce(full());
    const failing = level.write(new LevelChanges().put("torn", "2", part));
    await expect(failing).rejects.toMatchObject({ code: "NO_SPACE", path: folder });
    expect([await part.get("before"), opened.mock.calls.length]).toEqual(["1", 0]);
    await level.write(new LevelChanges().put("after", "3", part));
    expect(opened).toHaveBeenCalled();
    expect(await part.getMany(["before", "torn", "after"])).toEqual(["1", undefined, "3"]);
    opened.mockClear();
    await level.write(new LevelChanges().put("later", "4", part));
    expect(opened).not.toHaveBeenCalled();
  });

  it("tries to open the database again at each write until it can", async () => {
    const part = words();
    vi.spyOn(level.db, "batch").mockRejectedValueOnce(full());
    await expect(level.write(new LevelChanges().put("a", "1", part))).rejects.toThrow("free some space");
    vi.spyOn(level.db, "open").mockRejectedValueOnce(full());
    await expect(level.write(new LevelChanges().put("a", "1", part))).rejects.toThrow("No space left");
    await level.write(new LevelChanges().put("a", "1", part));
    expect(await part.get("a")).toBe("1");
  });
});
