import { rm } from "node:fs/promises";
import { DaemonClient } from "../control/client.js";
import type { NodePaths } from "../state/node-paths.js";
import { identifyProcess } from "../state/process-identity.js";
import { writeWholeFile } from "../state/whole-file.js";

/** Another daemon serves this data root. */
export class DaemonRunningError extends Error {
  override readonly name = "DaemonRunningError";
  readonly code = "DAEMON_RUNNING";
  constructor(root: string, who: string, options?: ErrorOptions) {
    super(`a daemon serves ${root} already (${who}): stop it first, or use another --root`, options);
  }
}

/** @throws {DaemonRunningError} when a daemon answers. What holds the root against others is the lock of the store; this only answers sooner. */
export async function refuseSecondDaemon(paths: NodePaths): Promise<void> {
  const answer = await new DaemonClient(paths.controlSocket)
    .status({ signal: AbortSignal.timeout(2000) })
    .catch(() => undefined);
  if (answer) throw new DaemonRunningError(paths.root, `process ${answer.pid}`);
}

/** Leaves word of who serves the root, for people and service managers. */
export async function writeDaemonFile(paths: NodePaths, version: string): Promise<void> {
  const self = await identifyProcess(process.pid);
  await writeWholeFile(paths.daemonFile, JSON.stringify({ ...self, version, since: new Date().toISOString() }));
}

export async function removeDaemonFile(paths: NodePaths): Promise<void> {
  await rm(paths.daemonFile, { force: true });
}
