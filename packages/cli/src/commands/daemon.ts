import type { DaemonStatus, StopResult } from "@sluice/snapshotter/client";
import { Command } from "commander";
import type { Context } from "../context.js";
import { exitCodes } from "../exit-codes.js";
import { daemonClient, daemonEntry, startedDaemon } from "../node/node-daemon.js";
import { bytes, duration } from "../output/quantities.js";
import { facts } from "../output/table.js";
import { versionOfProgram } from "../program-version.js";
import { examples, type Runner } from "../verb.js";
import { daemonLogsCommand } from "./daemon-logs.js";

interface StopFlags {
  readonly detach?: boolean;
}

/** `sluice daemon`: the process that serves mounts. Without a further word it runs in the foreground. */
export function daemonCommand(run: Runner): Command {
  const daemon = new Command("daemon")
    .description("the process that serves mounts: in the foreground, or start, stop, restart, status, logs")
    .helpGroup("Node:")
    .action(run(runInForeground));
  daemon
    .command("start")
    .description("start it in the background; nothing when it runs")
    .addHelpText("after", examples("sluice daemon start"))
    .action(run(start));
  daemon
    .command("stop")
    .description("unmount everything and end it; nothing when it does not run")
    .option("--detach", "also cut off mounts that somebody uses")
    .addHelpText("after", examples("sluice daemon stop"))
    .action(run(stop));
  daemon
    .command("restart")
    .description("replace it by one of this program; what is mounted stays mounted, readers wait a moment")
    .addHelpText("after", examples("sluice daemon restart"))
    .action(run(restart));
  daemon
    .command("status")
    .description("what it does at the moment")
    .addHelpText("after", examples("sluice daemon status -o json"))
    .action(run(showStatus));
  daemon.addCommand(daemonLogsCommand(run));
  return daemon.addHelpText("after", examples("sluice daemon start", "sluice daemon", "sluice daemon status"));
}

/** What a person starts is the keeper; the keeper starts the daemon. */
async function runInForeground(context: Context): Promise<number> {
  const { keepDaemon, keeperVariable } = await import("@sluice/snapshotter/client");
  const { surroundings, settings, signal } = context;
  if (signal.aborted) return exitCodes.done; // told to stop while this program was loaded
  context.releaseInterrupts(); // keeper and daemon stop by them in their own way
  if (surroundings.environment[keeperVariable] !== undefined) {
    const { serveNode } = await import("../daemon-process.js"); // a keeper of an earlier version starts it so
    return await serveNode(settings);
  }
  return await keepDaemon(settings.root, daemonEntry(context, settings.root), { ...surroundings.environment });
}

async function start(context: Context): Promise<void> {
  const daemon = await startedDaemon(context);
  context.output.result(await daemon.status({ signal: context.signal }), describe);
}

async function restart(context: Context): Promise<void> {
  const { DaemonNotRunningError, restartDaemon } = await import("@sluice/snapshotter/client");
  const { settings, signal, output } = context;
  const entry = daemonEntry(context, settings.root);
  try {
    output.result(await restartDaemon(settings.root, { entry, version: versionOfProgram(), signal }), describe);
  } catch (error) {
    if (!(error instanceof DaemonNotRunningError)) throw error;
    await start(context);
  }
}

async function stop(context: Context, flags: StopFlags): Promise<void> {
  const { DaemonNotRunningError, stopDaemon } = await import("@sluice/snapshotter/client");
  const daemon = await daemonClient(context);
  let stopped: StopResult = { unmounted: [], detached: [] };
  try {
    stopped = await stopDaemon(
      daemon,
      { busy: flags.detach ? "detach" : "refuse", keepMounts: false },
      { signal: context.signal },
    );
  } catch (error) {
    if (!(error instanceof DaemonNotRunningError)) throw error;
    context.output.note("no daemon runs");
  }
  context.output.result(stopped, ({ unmounted, detached }) =>
    [...unmounted.map((mount) => `${mount} unmounted`), ...detached.map((mount) => `${mount} cut off`)].join("\n"),
  );
}

async function showStatus(context: Context): Promise<void> {
  const daemon = await daemonClient(context);
  context.output.result(await daemon.status({ signal: context.signal }), describe);
}

function describe({
  pid,
  keeper,
  root,
  uptimeSeconds,
  rssBytes,
  mounts,
  store,
  fetch,
  reads,
  fuse,
}: DaemonStatus): string {
  return facts([
    ["process", `${pid}, running for ${duration(uptimeSeconds)}, ${bytes(rssBytes)} of memory`],
    ["keeper", keeper && `${keeper.pid}, ${keeper.takeOvers} take-overs`],
    ["data root", root],
    ["mounts", mounts],
    ["store", `${bytes(store.bytes)} of ${bytes(store.budgetBytes)}, ${store.chunks} chunks`],
    ["fetched", `${bytes(fetch.bytes)} in ${fetch.requests} requests, ${fetch.inFlight} under way`],
    ["reads", `${reads.hits} hits, ${reads.misses} misses, ${reads.errors} errors`],
    ["kernel", `${fuse.requests} requests, ${bytes(fuse.pushedBytes)} pushed ahead of them`],
  ]);
}
