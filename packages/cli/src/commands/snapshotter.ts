import { resolve } from "node:path";
import { Command } from "commander";
import type { Context } from "../context.js";
import { exitCodes } from "../exit-codes.js";
import { daemonEntry } from "../node/node-daemon.js";
import { versionOfProgram } from "../program-version.js";
import { examples, type Runner } from "../verb.js";

interface SnapshotterFlags {
  readonly address: string;
}

/** `sluice snapshotter`: the daemon in the foreground, with containerd's snapshotter on a socket. */
export function snapshotterCommand(run: Runner): Command {
  return new Command("snapshotter")
    .description("the daemon in the foreground, with a snapshotter for containerd on a unix socket")
    .helpGroup("Node:")
    .requiredOption("--address <socket>", "path of the socket")
    .addHelpText("after", examples("sluice snapshotter --address /run/sluice/snapshotter.sock"))
    .action(run(serve));
}

/** The keeper hands its environment to each daemon that it starts, so that the next one serves the socket too. */
async function serve(context: Context, { address }: SnapshotterFlags): Promise<number> {
  const { keepService } = await import("@sluice/snapshotter/client");
  const { surroundings, settings, signal } = context;
  if (signal.aborted) return exitCodes.done; // told to stop while this program was loaded
  context.releaseInterrupts(); // keeper and daemon stop by them in their own way
  return await keepService(settings.root, {
    entry: daemonEntry(context, settings.root),
    version: versionOfProgram(),
    environment: { SLUICE_SNAPSHOTTER_ADDRESS: resolve(surroundings.workingFolder, address) },
    inherited: surroundings.environment,
  });
}
