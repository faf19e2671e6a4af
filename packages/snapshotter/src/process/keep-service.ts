import { setTimeout as sleep } from "node:timers/promises";
import { runKeeper } from "../keeper/keeper.js";
import { NodePaths } from "../state/node-paths.js";
import type { ProcessIdentity } from "../state/process-identity.js";
import { daemonEnvironment, keeperPlan, realRoot } from "./daemon-plan.js";
import { livingKeeper, livingKeptDaemon } from "./keeper-of.js";
import { type RestartOptions, restartDaemon } from "./restart-daemon.js";

/** A daemon whose keeper has gone has the next one within a second. Milliseconds. */
const keeperTimeoutMs = 15_000;
const pollMs = 200;

export interface ServiceParts extends Omit<RestartOptions, "signal"> {
  readonly environment: Readonly<Record<string, string>>;
  /** What the daemon inherits beside that. */
  readonly inherited: NodeJS.ProcessEnv;
}

/**
 * The main process of a service that containers stand on. It keeps the daemon of `root`; where a keeper does that already, which an earlier life of the service left behind, it has
 * the daemon replaced by one of this program and stays as long as there is one. SIGTERM ends this process alone: daemon and mounts go on. They end by `daemon stop`.
 *
 * @returns the exit status
 */
export async function keepService(root: string, { inherited, ...service }: ServiceParts): Promise<number> {
  const paths = new NodePaths(realRoot(root));
  if (!(await keeperInCharge(paths))) {
    const plan = keeperPlan(root, service.entry, "stderr");
    return await runKeeper({ ...plan, onTerm: "leave" }, daemonEnvironment({ ...inherited, ...service.environment }));
  }
  const stop = new AbortController();
  const onStop = (): void => stop.abort();
  const onHangUp = (): void => void passOn(paths, "SIGHUP");
  process.on("SIGTERM", onStop).on("SIGINT", onStop).on("SIGHUP", onHangUp);
  try {
    const { signal } = stop;
    await restartDaemon(paths.root, { ...service, signal }).catch((error: unknown) => {
      if (!signal.aborted) process.stderr.write(`the daemon that serves goes on: ${String(error)}\n`);
    });
    while (!signal.aborted && (await keeperInCharge(paths))) {
      await sleep(pollMs, undefined, { signal }).catch(() => undefined); // told to stop
    }
    return 0;
  } finally {
    process.off("SIGTERM", onStop).off("SIGINT", onStop).off("SIGHUP", onHangUp);
  }
}

/** Undefined when nothing serves the root. */
async function keeperInCharge(paths: NodePaths): Promise<ProcessIdentity | undefined> {
  const deadline = performance.now() + keeperTimeoutMs;
  for (;;) {
    const keeper = await livingKeeper(paths.daemonFile);
    if (keeper) return keeper;
    if (!(await livingKeptDaemon(paths.daemonFile)) || performance.now() > deadline) return undefined;
    await sleep(pollMs);
  }
}

async function passOn(paths: NodePaths, signal: NodeJS.Signals): Promise<void> {
  const keeper = await livingKeeper(paths.daemonFile);
  if (keeper) process.kill(keeper.pid, signal);
}
