import type { RunRequest } from "@sluice/snapshotter/client";
import { Command, Option } from "commander";
import type { Context } from "../context.js";
import { ReportedFailure } from "../errors.js";
import { type ImageFlags, withImageFlags } from "../images/opened-image.js";
import { type DriverFlags, driverOption } from "../node/driver-flag.js";
import { imageAddress, startedDaemon } from "../node/node-daemon.js";
import { examples, type Runner } from "../verb.js";

interface RunFlags extends ImageFlags, DriverFlags {
  readonly net: RunRequest["net"];
  readonly env: readonly string[];
  readonly volume: readonly string[];
  readonly entrypoint?: string;
  readonly workdir?: string;
}

const collected = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** `sluice run`: a container on the image, before the image has arrived. */
export function runCommand(run: Runner): Command {
  const command = new Command("run")
    .description("a container by runc on the image, before it has arrived; ends with the container's exit code")
    .helpGroup("Node:")
    .argument("<ref>", "the image")
    .argument("[command...]", "instead of the image's arguments; behind --")
    .addOption(driverOption())
    .addOption(new Option("--net <net>", "the host's network, or none").choices(["host", "none"]).default("host"))
    .option("--env <name=value>", "set a variable; NAME alone passes ours on; may repeat", collected, [])
    .option("--volume <src:dst[:ro]>", "show a folder or file of the host; may repeat", collected, [])
    .option("--entrypoint <program>", "instead of the image's")
    .option("--workdir <dir>", "where it starts");
  return withImageFlags(command)
    .addHelpText(
      "after",
      examples(
        "sluice run 127.0.0.1:5000/app:1",
        "sluice run 127.0.0.1:5000/app:1 --env DEBUG=1 --volume ./data:/data:ro -- node --version",
      ),
    )
    .action(run(runContainer));
}

async function runContainer(
  context: Context,
  flags: RunFlags,
  ref: string,
  command: readonly string[],
): Promise<number> {
  const { ContainerStartError, parseVolume, runImage } = await import("@sluice/snapshotter/client");
  const { settings, surroundings, signal, output } = context;
  const request: RunRequest = {
    image: await imageAddress(context, ref, flags),
    driver: flags.driver,
    net: flags.net,
    process: {
      command,
      env: flags.env,
      ...(flags.entrypoint !== undefined && { entrypoint: [flags.entrypoint] }),
      ...(flags.workdir !== undefined && { workingDir: flags.workdir }),
    },
    volumes: flags.volume.map((text) => parseVolume(text, surroundings.workingFolder)),
  };
  const client = await startedDaemon(context);
  // From here on Ctrl-C is the container's: it decides itself what to do.
  const onPrepared = (): void => context.releaseInterrupts();
  try {
    return await runImage(request, { root: settings.root, client, signal, onPrepared });
  } catch (error) {
    // runc, whose stderr is ours, has said the same.
    if (error instanceof ContainerStartError && output.format !== "json") throw new ReportedFailure();
    throw error;
  }
}
