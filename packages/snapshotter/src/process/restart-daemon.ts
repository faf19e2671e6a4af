import { setTimeout as sleep } from "node:timers/promises";
import type { AbortOptions } from "@sluice/oci";
import type { DaemonStatus } from "../control/api.js";
import { DaemonClient, DaemonNotRunningError } from "../control/client.js";
import { NodePaths } from "../state/node-paths.js";
import { writeWholeFile } from "../state/whole-file.js";
import { daemonCommand } from "./daemon-plan.js";
import { livingKeeper } from "./keeper-of.js";

/** The successor of a daemon does not serve. */
export class DaemonRestartError extends Error {
  override readonly name = "DaemonRestartError";
  readonly code = "DAEMON_RESTART";
}

export interface RestartOptions extends AbortOptions {
  /** As for `ensureDaemon`: of the program that is to serve from now on. */
  readonly entry: readonly string[];
  /** Of that program. */
  readonly version: string;
  /** Variables that it gets beside those of its keeper. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** A daemon that takes longer than this to take over is stuck. Milliseconds. */
const takeOverTimeoutMs = 30_000;
const pollMs = 10;

/**
 * Replaces the daemon of `root` by one of this program, of the same or another version. No mount is taken away, and reads in flight are answered late.
 *
 * @throws {DaemonNotRunningError} when no keeper is there to do it
 * @throws {DaemonRestartError} when the old program had to be started again
 */
export async function restartDaemon(root: string, options: RestartOptions): Promise<DaemonStatus> {
  const paths = new NodePaths(root);
  const keeper = await livingKeeper(paths.daemonFile);
  if (!keeper) throw new DaemonNotRunningError(paths.controlSocket);
  const client = new DaemonClient(paths.controlSocket);
  const before = await pidOf(client, options);
  await writeWholeFile(paths.nextCommand, JSON.stringify(commandWith(options.environment, options.entry)));
  process.kill(keeper.pid, "SIGHUP");
  const deadline = performance.now() + takeOverTimeoutMs;
  while ((await pidOf(client, options)) === before) {
    if (performance.now() > deadline)
      throw new DaemonRestartError(`the daemon of ${root} was not replaced: see its log`);
    await sleep(pollMs, undefined, { signal: options.signal });
  }
  const status = await client.status(options);
  if (status.version === options.version) return status;
  throw new DaemonRestartError(
    `version ${options.version} does not serve; ${status.version} was started again: see its log`,
  );
}

/** Undefined while none answers, and when it speaks another version of the API, which a daemon that is to be replaced may. */
async function pidOf(client: DaemonClient, options: AbortOptions): Promise<number | undefined> {
  try {
    return (await client.status(options)).pid;
  } catch {
    options.signal?.throwIfAborted();
    return undefined;
  }
}

const commandWith = (environment: RestartOptions["environment"], entry: readonly string[]): readonly string[] => {
  const variables = Object.entries(environment ?? {}).map(([name, value]) => `${name}=${value}`);
  return [...(variables.length > 0 ? ["/usr/bin/env", ...variables] : []), ...daemonCommand(entry)];
};
