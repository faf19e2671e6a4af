import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { formatReference } from "@sluice/oci/reference";
import type { DaemonClient, ImageAddress } from "@sluice/snapshotter/client";
import type { Context } from "../context.js";
import { type ImageFlags, parseImageReference } from "../images/opened-image.js";

/** A client of the daemon of a data root, which is started in the background when none runs. @throws {DaemonStartError} */
export async function startedDaemon(context: Context, root: string = context.settings.root): Promise<DaemonClient> {
  const { ensureDaemon } = await import("@sluice/snapshotter/client");
  const { surroundings, signal } = context;
  return await ensureDaemon(root, {
    entry: daemonEntry(context, root),
    env: { ...surroundings.environment },
    signal,
  });
}

/** The entry file of the daemon's process and the words that make it serve a data root. */
export const daemonEntry = ({ settings }: Context, root: string): readonly string[] => [
  fileURLToPath(new URL("../../bin/daemon.js", import.meta.url)),
  ...["--root", root],
  ...(settings.configPath === undefined ? [] : ["--config", settings.configPath]),
];

/** A client of the daemon of this data root, whether one runs or not. */
export async function daemonClient(context: Context): Promise<DaemonClient> {
  const { DaemonClient, NodePaths } = await import("@sluice/snapshotter/client");
  return new DaemonClient(new NodePaths(context.settings.root).controlSocket);
}

/** An image as the daemon is told of it: it has another working folder, other settings and other credentials than we. */
export async function imageAddress(context: Context, text: string, flags: ImageFlags): Promise<ImageAddress> {
  const reference = formatReference(parseImageReference(text, context));
  const dockerConfig = dockerConfigFolder(context);
  return {
    reference,
    ...(flags.plainHttp === true && { plainHttp: true }),
    ...(dockerConfig !== undefined && { dockerConfig }),
  };
}

function dockerConfigFolder({ surroundings }: Context): string | undefined {
  const named = surroundings.environment["DOCKER_CONFIG"];
  if (named !== undefined && named !== "") return resolve(surroundings.workingFolder, named);
  const usual = join(surroundings.homeFolder, ".docker");
  return existsSync(join(usual, "config.json")) ? usual : undefined;
}
