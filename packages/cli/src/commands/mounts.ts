import type { MountResult } from "@sluice/snapshotter/client";
import { Command } from "commander";
import type { Context } from "../context.js";
import { daemonClient } from "../node/node-daemon.js";
import { bytes } from "../output/quantities.js";
import { table } from "../output/table.js";
import { examples, type Runner } from "../verb.js";

/** `sluice mounts`: what is mounted. */
export function mountsCommand(run: Runner): Command {
  return new Command("mounts")
    .description("the images that are mounted on this node")
    .helpGroup("Node:")
    .addHelpText("after", examples("sluice mounts", "sluice mounts -o json"))
    .action(run(listMounts));
}

async function listMounts(context: Context): Promise<void> {
  const mounts = await mountsOf(context);
  context.output.result({ mounts }, () =>
    table(
      ["mountpoint", "image", "driver", "size", "since"],
      mounts.map(({ mountpoint, reference, driver, disk, since }) => [
        mountpoint,
        reference,
        driver,
        bytes(disk.sizeBytes),
        since,
      ]),
    ),
  );
}

/** Without a daemon nothing is mounted, and none is started to say so. */
async function mountsOf(context: Context): Promise<readonly MountResult[]> {
  const { DaemonNotRunningError } = await import("@sluice/snapshotter/client");
  const daemon = await daemonClient(context);
  try {
    return await daemon.mounts({ signal: context.signal });
  } catch (error) {
    if (error instanceof DaemonNotRunningError) return [];
    throw error;
  }
}
