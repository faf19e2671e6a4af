import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { KeeperPlan } from "./keeper-plan.js";

/** A keeper holds next to nothing: heaps that hardly grow, one thread for garbage, none for files. For V8; MiB. */
const smallHeap = ["--max-semi-space-size=1", "--max-old-space-size=16", "--v8-pool-size=1", "--single-threaded-gc"];

/** Starts a keeper's process, which outlives this one. @param env its own, and that of its daemons */
export function startKeeper(plan: KeeperPlan, env: NodeJS.ProcessEnv, stdio: StdioOptions): ChildProcess {
  const main = fileURLToPath(new URL("./main.js", import.meta.url));
  return spawn(process.execPath, [...smallHeap, main, JSON.stringify(plan)], {
    detached: true,
    cwd: "/", // holds no folder of the caller's busy
    stdio,
    env,
  });
}
