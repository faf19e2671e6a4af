import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { AbortOptions } from "@sluice/oci";
import { DaemonClient, DaemonNotRunningError } from "../control/client.js";
import { NodePaths } from "../state/node-paths.js";
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
/** Chunks on their way are large and die young: collected early, they are tens of megabytes less. For V8; MiB. */
const smallYoungGeneration = "--max-semi-space-size=2";
/**
 * For glibc (mallopt(3)): a buffer of a chunk is a mapping of its own and goes back to the system when it is freed. Left to itself, malloc raises the
 * threshold and keeps holes of hundreds of megabytes.
 */
const largeBuffersGoBack = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_THRESHOLD_: "65536",
  MALLOC_TRIM_THRESHOLD_: "131072",
} as const;
/** Threads of libuv's pool in the daemon: room for mounts that wait for a slow registry beside everything else. See fuse/kernel/lanes.ts */
const poolThreads = "16";

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
  const daemon = spawnDetached(paths.log, options);
  const deadline = Date.now() + (options.startTimeoutMs ?? defaultStartTimeoutMs);
  while (Date.now() < deadline) {
    if (await answers(client, options)) return client;
    const ended = daemon.ended();
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

/** Its stdout and stderr go to the log too: what it says before its log is open, and Node's own last words. */
function spawnDetached(logPath: string, { entry, env }: EnsureDaemonOptions): { ended(): string | undefined } {
  mkdirSync(dirname(logPath), { recursive: true, mode: 0o700 });
  const log = openSync(logPath, "a", 0o600);
  try {
    const child = spawn(process.execPath, [smallYoungGeneration, ...entry], {
      detached: true,
      cwd: "/", // holds no folder of the caller's busy
      stdio: ["ignore", log, log],
      env: { UV_THREADPOOL_SIZE: poolThreads, ...largeBuffersGoBack, ...(env ?? process.env) },
    });
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

async function reason(logPath: string): Promise<string> {
  const message = await readLogEnd(logPath);
  return message === undefined ? `; nothing is in ${logPath}` : `: ${message} (log: ${logPath})`;
}
