import { resolve } from "node:path";
import { Command } from "commander";
import type { Context } from "../context.js";
import { type ImageFlags, withImageFlags } from "../images/opened-image.js";
import { type DriverFlags, driverOption } from "../node/driver-flag.js";
import { imageAddress, startedDaemon } from "../node/node-daemon.js";
import { bytes, shortDigest } from "../output/quantities.js";
import { facts } from "../output/table.js";
import { examples, type Runner } from "../verb.js";

interface MountFlags extends ImageFlags, DriverFlags {
  readonly writable?: boolean;
}

/** `sluice mount`: shows an image's files in a folder, before they have arrived. */
export function mountCommand(run: Runner): Command {
  const command = new Command("mount")
    .description("show an image's files in a folder; returns when they are there to read")
    .helpGroup("Node:")
    .argument("<ref>", "the image")
    .argument("<dir>", "an existing folder")
    .addOption(driverOption())
    .option("--writable", "what is written goes into an overlay, and away with the mount");
  return withImageFlags(command)
    .addHelpText("after", examples("sluice mount 127.0.0.1:5000/app:1 /mnt"))
    .action(run(mount));
}

async function mount(context: Context, flags: MountFlags, ref: string, dir: string): Promise<void> {
  const address = await imageAddress(context, ref, flags);
  const daemon = await startedDaemon(context);
  const mounted = await daemon.mount(
    {
      ...address,
      mountpoint: resolve(context.surroundings.workingFolder, dir),
      driver: flags.driver,
      writable: flags.writable === true,
    },
    { signal: context.signal },
  );
  context.output.result(mounted, ({ mountpoint, driver, reason, disk }) =>
    facts([
      ["mounted on", mountpoint],
      ["driver", `${driver} (${reason})`],
      ["disk", `${bytes(disk.sizeBytes)}, ${shortDigest(disk.digest)}`],
    ]),
  );
}
