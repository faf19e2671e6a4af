import { resolve } from "node:path";
import { Command } from "commander";
import type { Context } from "../context.js";
import { daemonClient } from "../node/node-daemon.js";
import { examples, type Runner } from "../verb.js";

interface UmountFlags {
  readonly detach?: boolean;
}

/** `sluice umount` */
export function umountCommand(run: Runner): Command {
  return new Command("umount")
    .description("take a mounted image away")
    .helpGroup("Node:")
    .argument("<dir>", "where it is mounted")
    .option("--detach", "also when somebody uses it; it ends with its last user")
    .addHelpText("after", examples("sluice umount /mnt"))
    .action(run(umount));
}

async function umount(context: Context, flags: UmountFlags, dir: string): Promise<void> {
  const mountpoint = resolve(context.surroundings.workingFolder, dir);
  const daemon = await daemonClient(context);
  await daemon.unmount({ mountpoint, detach: flags.detach === true }, { signal: context.signal });
  context.output.result({ unmounted: mountpoint }, ({ unmounted }) => `${unmounted} unmounted`);
}
