import { setTimeout as sleep } from "node:timers/promises";
import type { AbortOptions } from "@sluice/oci";
import type { StopRequest, StopResult } from "../control/api.js";
import type { DaemonClient } from "../control/client.js";
import { isErrno } from "../state/errno.js";

/** The daemon took everything away and did not end. */
export class DaemonStopError extends Error {
  override readonly name = "DaemonStopError";
  readonly code = "DAEMON_STOP";
}

/** To close its store and its FUSE session takes a daemon well under a second; one that needs longer than this hangs. Milliseconds. */
const endTimeoutMs = 30_000;
const pollMs = 10;

/**
 * Stops a daemon and waits until its process is gone: only then may its data root be removed, or another daemon be started on it.
 *
 * @throws {DaemonNotRunningError} {DaemonError} when it refuses, {DaemonStopError}
 */
export async function stopDaemon(
  client: DaemonClient,
  request: StopRequest,
  options?: AbortOptions,
): Promise<StopResult> {
  const { pid, keeper } = await client.status(options);
  const stopped = await client.stop(request, options);
  const deadline = performance.now() + endTimeoutMs;
  while (isRunning(pid) || (keeper && isRunning(keeper.pid))) {
    if (performance.now() > deadline) {
      throw new DaemonStopError(
        `the daemon, process ${pid}, unmounted everything but does not end: look at its log, then kill it`,
      );
    }
    await sleep(pollMs, undefined, { signal: options?.signal });
  }
  return stopped;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if (isErrno(error, "ESRCH")) return false;
    throw error;
  }
}
