import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readLogEnd } from "./log-end.js";

describe("the end of a log", () => {
  let path: string;
  beforeEach(async () => {
    path = join(await mkdtemp(join(tmpdir(), "log-end-")), "daemon.log");
  });
  afterEach(() => rm(join(path, ".."), { recursive: true }));
  const endOf = async (...lines: (object | string)[]): Promise<string | undefined> => {
    await writeFile(path, lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join(""));
    return readLogEnd(path);
  };

  it("is the last error, also when calmer lines follow", async () => {
    const first = { level: 50, msg: "first" };
    const last = { level: 60, msg: "cannot open the store", err: { message: "locked" } };
    expect(await endOf(first, last, { level: 30, msg: "ends" })).toBe("cannot open the store: locked");
  });

  it("says a cause once", async () => {
    expect(await endOf({ level: 50, msg: "failed: locked", err: { message: "locked" } })).toBe("failed: locked");
  });

  it("is Node's own message when the program died before it had a log", async () => {
    const lines = ["node:internal/modules:1", "Error: Cannot find module '/x'", "    at resolve (a.js:1)"];
    expect(await endOf(...lines, "Node.js v20")).toBe("Error: Cannot find module '/x'");
  });

  it("is the last line when nothing went wrong", async () => {
    expect(await endOf({ level: 30, msg: "one" }, { level: 30, msg: "two" })).toBe("two");
  });

  it("is nothing when there is no log, or an empty one", async () => {
    expect(await readLogEnd(path)).toBeUndefined();
    expect(await endOf()).toBeUndefined();
  });

  it("reads only the end of a long log, in which a line may begin anywhere", async () => {
    expect(await endOf({ level: 50, msg: "long ago" }, "x".repeat(100_000), { level: 30, msg: "now" })).toBe("now");
  });
});
