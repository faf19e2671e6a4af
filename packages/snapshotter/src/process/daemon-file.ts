import { rm } from "node:fs/promises";
import { z } from "zod";
import { DaemonClient } from "../control/client.js";
import type { NodePaths } from "../state/node-paths.js";
import { identifyProcess, isAlive, type ProcessIdentity } from "../state/process-identity.js";
import { readFileIfPresent, writeWholeFile } from "../state/whole-file.js";
import { livingKeeper } from "./keeper-of.js";

/** A daemon, and the keeper that started it. */
export interface ServingDaemon extends ProcessIdentity {
  readonly version: string;
  readonly keeper?: ProcessIdentity | undefined;
}

const maxFileBytes = 64 * 1024;
const identity = { pid: z.int().min(1), startTicks: z.number(), bootId: z.string() };
const daemonSchema: z.ZodType<ServingDaemon, unknown> = z.object({
  ...identity,
  version: z.string(),
  keeper: z.object(identity).optional(),
});

/** Another daemon serves this data root. */
export class DaemonRunningError extends Error {
  override readonly name = "DaemonRunningError";
  readonly code = "DAEMON_RUNNING";
  constructor(root: string, who: string, options?: ErrorOptions) {
    super(`a daemon serves ${root} already (${who}): stop it first, or use another --root`, options);
  }
}

/** @throws {DaemonRunningError} when a daemon answers. What holds the root against others is the lock of the store; this only answers sooner. */
export async function refuseSecondDaemon(paths: NodePaths, keeperPid?: number): Promise<void> {
  const keeper = await livingKeeper(paths.daemonFile);
  if (keeper && keeper.pid !== keeperPid) throw new DaemonRunningError(paths.root, await whoServes(paths, keeper));
  const answer = await new DaemonClient(paths.controlSocket)
    .status({ signal: AbortSignal.timeout(2000) })
    .catch(() => undefined);
  if (answer) throw new DaemonRunningError(paths.root, `process ${answer.pid}`);
}

/** The daemon of another keeper may be between two lives. */
async function whoServes(paths: NodePaths, keeper: ProcessIdentity): Promise<string> {
  const daemon = await readDaemonFile(paths);
  return daemon && (await isAlive(daemon))
    ? `process ${daemon.pid}`
    : `its keeper, process ${keeper.pid}, brings it back`;
}

/** Leaves word of who serves the root, for people and service managers. */
export async function writeDaemonFile(paths: NodePaths, version: string, keeperPid?: number): Promise<void> {
  const self = await identifyProcess(process.pid);
  const keeper = keeperPid === undefined ? undefined : await identifyProcess(keeperPid);
  await writeWholeFile(paths.daemonFile, JSON.stringify({ ...self, version, since: new Date().toISOString(), keeper }));
}

/** Who served the root last, as far as is known. */
export async function readDaemonFile(paths: NodePaths): Promise<ServingDaemon | undefined> {
  const bytes = await readFileIfPresent(paths.daemonFile, maxFileBytes);
  try {
    return bytes && daemonSchema.parse(JSON.parse(bytes.toString("utf8")));
  } catch {
    return undefined; // only ever a hint
  }
}

export async function removeDaemonFile(paths: NodePaths): Promise<void> {
  await rm(paths.daemonFile, { force: true });
}
