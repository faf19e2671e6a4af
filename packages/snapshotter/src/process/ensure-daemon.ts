import { closeSync, mkdirSync, openSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { AbortOptions } from "@sluice/oci";
import { DaemonClient, DaemonNotRunningError } from "../control/client.js";
import { startKeeper } from "../keeper/start-keeper.js";
import { NodePaths } from "../state/node-paths.js";
import { daemonEnvironment, keeperPlan } from "./daemon-plan.js";
import { livingKeeper } from "./keeper-of.js";
import { readLogEnd } from "./log-end.js";

/** The daemon ended, or did not answer in time, after it was started. */
export class DaemonStartError extends Error {
  override readonly name = "DaemonStartError";
  readonly code = "DAEMON_START";
}

export interface EnsureDaemonOptions extends AbortOptions {
  /** What follows Node's own path: the program's entry file and the words that make it run the daemon of `root` in the foreground. */
  readonly entry: readonly string[];
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** To open the store and clear up after a crash takes a moment; a daemon that needs longer than this is stuck. Milliseconds. */
  readonly startTimeoutMs?: number | undefined;
}

const defaultStartTimeoutMs = 30_000;
const pollMs = 20;
/**
 * A client of the daemon of `root`; starts one in the background when none answers. Two callers at once are fine: the daemon that comes second ends, and
 * both get the first.
 *
 * @throws {DaemonStartError} with the end of its log
 */
export async function ensureDaemon(root: string, options: EnsureDaemonOptions): Promise<DaemonClient> {
  const paths = new NodePaths(root);
  const client = new DaemonClient(paths.controlSocket);
  if (await answers(client, options)) return client;
  let keeper: StartedKeeper | undefined;
  const deadline = performance.now() + (options.startTimeoutMs ?? defaultStartTimeoutMs);
  while (performance.now() < deadline) {
    if (await answers(client, options)) return client;
    // A daemon between two lives comes back by itself.
    if (keeper === undefined && (await livingKeeper(paths.daemonFile)) === undefined) {
      await refuseFullDisk(root);
      keeper = start(root, options);
    }
    const ended = keeper?.ended();
    if (ended !== undefined) {
      // Perhaps it ended because another one came first, and that one is about to answer.
      await sleep(pollMs * 5, undefined, { signal: options.signal });
      if (await answers(client, options)) return client;
      throw new DaemonStartError(`the daemon of ${root} ended at its start (${ended})${await reason(paths.log)}`);
    }
    await sleep(pollMs, undefined, { signal: options.signal });
  }
  throw new DaemonStartError(`the daemon of ${root} does not answer${await reason(paths.log)}`);
}

async function answers(client: DaemonClient, options: AbortOptions): Promise<boolean> {
  try {
    await client.status(options);
    return true;
  } catch (error) {
    if (error instanceof DaemonNotRunningError) return false;
    throw error;
  }
}

interface StartedKeeper {
  /** How it ended, if it did. */
  ended(): string | undefined;
}

/** What keeper and daemon print goes to the log too: what they say before it is open, and Node's own last words. */
function start(root: string, { entry, env }: EnsureDaemonOptions): StartedKeeper {
  const logPath = new NodePaths(root).log;
  mkdirSync(dirname(logPath), { recursive: true, mode: 0o700 });
  const log = openSync(logPath, "a", 0o600);
  try {
    const plan = keeperPlan(root, entry, "file");
    const child = startKeeper(plan, daemonEnvironment(env ?? process.env), ["ignore", log, log]);
    let failed: string | undefined;
    child.on("error", (error) => {
      failed = error.message;
    });
    child.unref();
    return {
      ended: () => failed ?? child.signalCode ?? (child.exitCode === null ? undefined : `exit ${child.exitCode}`),
    };
  } finally {
    closeSync(log);
  }
}

/** @throws {DaemonStartError} */
async function refuseFullDisk(root: string): Promise<void> {
  const full = await fullDisk(root);
  if (full !== undefined) throw new DaemonStartError(`the daemon of ${root} cannot start: ${full}`);
}

async function reason(logPath: string): Promise<string> {
  const message = await readLogEnd(logPath);
  if (message !== undefined) return `: ${message} (log: ${logPath})`;
  const full = await fullDisk(dirname(logPath));
  return full === undefined ? `; nothing is in ${logPath}` : `: ${full}`;
}

/** Where not a block is free no daemon can start, and none can say so in its log. Undefined elsewhere, or when the folder is not there yet. */
async function fullDisk(folder: string): Promise<string | undefined> {
  const disk = await statfs(folder).catch(() => undefined);
  return disk?.bfree === 0 ? `no space is left in ${folder}. Free some, or name another place with --root` : undefined;
}
