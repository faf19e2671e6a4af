import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createFileLog } from "./log.js";

const linesOf = async (path: string): Promise<Record<string, unknown>[]> =>
  (await readFile(path, "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("the log file", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "log-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("has one JSON object a line, there as soon as it is written", async () => {
    const path = join(folder, "log", "daemon.log");
    const log = createFileLog(path, "info");
    log.debug("not this");
    log.warn({ disk: "sha256:12", cause: new Error("reset") }, "slow read");
    const [line, ...others] = await linesOf(path);
    expect(others).toEqual([]);
    expect(line).toMatchObject({ level: 40, pid: process.pid, disk: "sha256:12", msg: "slow read" });
  });

  it("goes on where an earlier process stopped", async () => {
    const path = join(folder, "daemon.log");
    createFileLog(path, "info").info("first life");
    createFileLog(path, "info").info("second life");
    expect((await linesOf(path)).map((line) => line["msg"])).toEqual(["first life", "second life"]);
  });

  it("never holds more than two files of its bound, and keeps the newest lines", async () => {
    const path = join(folder, "daemon.log");
    const log = createFileLog(path, "info", 1000);
    for (let i = 0; i < 100; i++) log.info({ i }, "line");
    expect((await readdir(folder)).sort()).toEqual(["daemon.log", "daemon.log.1"]);
    expect((await stat(path)).size).toBeLessThanOrEqual(1000);
    expect((await stat(`${path}.1`)).size).toBeLessThanOrEqual(1000);
    expect((await linesOf(path)).at(-1)).toMatchObject({ i: 99 });
  });
});
