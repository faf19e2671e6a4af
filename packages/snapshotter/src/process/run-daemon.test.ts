import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it } from "vitest";
import { parseNodeConfig } from "../config/node-config.js";
import { runDaemon } from "./run-daemon.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "early-"));
});
afterEach(() => rm(folder, { recursive: true }));

const sockets = (): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isSocket())
    .map(({ name }) => name);

it.each(["SIGTERM", "SIGINT"] as const)(
  "a daemon that %s meets before it serves ends at once with 0, and leaves no socket",
  async (signal) => {
    const config = parseNodeConfig({
      store: { budget: "64MiB" },
      snapshotter: { address: join(folder, "containerd.sock") },
    });
    const said: string[] = [];
    const socketsThen: string[] = [];
    const write = (line: string): void => {
      said.push(line);
      if (!line.includes("containerd's snapshotter serves")) return;
      socketsThen.push(...sockets());
      process.emit(signal, signal);
    };
    const options = { root: join(folder, "root"), config, version: "1.2.3" };
    expect(await runDaemon({ ...options, log: pino({}, { write }) })).toBe(0);
    expect(socketsThen).toEqual(["containerd.sock"]);
    expect(sockets()).toEqual([]);
    expect(said.join("")).not.toContain("daemon serves");

    const running = runDaemon({ ...options, log: pino({}, { write: (line) => said.push(line) }) });
    process.emit(signal, signal);
    expect(await running).toBe(0);
    expect(said.filter((line) => line.includes("snapshotter serves"))).toHaveLength(1);
  },
);
