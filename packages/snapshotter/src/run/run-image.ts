import { access, mkdir, writeFile } from "node:fs/promises";
import { hostname as hostHostname } from "node:os";
import { join } from "node:path";
import { isatty } from "node:tty";
import type { DriverChoice, ImageAddress, PreparedContainer } from "../control/api.js";
import type { DaemonClient } from "../control/client.js";
import { NodePaths } from "../state/node-paths.js";
import { lookUpUser } from "./container-user.js";
import { argumentsOf, environmentOf, type ProcessOverrides } from "./image-process.js";
import { provideNetworkFiles } from "./network-files.js";
import { buildOciSpec } from "./oci-spec.js";
import { deleteContainer, type OnOutput, type RuncContainer, runInForeground } from "./runc.js";
import { checkVolume, type Volume } from "./volume.js";

export interface RunRequest {
  readonly image: ImageAddress;
  readonly driver: DriverChoice;
  readonly net: "host" | "none";
  readonly process: ProcessOverrides;
  readonly volumes: readonly Volume[];
  /** Note what it reads of its image: see `ContainerRequest.record`, and {@link RunOptions.onEnded} for when to ask for it. */
  readonly record?: boolean | undefined;
}

export interface RunOptions {
  /** The data root whose daemon `client` talks to. */
  readonly root: string;
  readonly client: DaemonClient;
  /** Ends the container by force. Not for Ctrl-C: that goes to the container, which decides itself. */
  readonly signal?: AbortSignal | undefined;
  /** Called when the root file system is there and before the process starts. */
  readonly onPrepared?: ((container: PreparedContainer) => void) | undefined;
  /** Called when the process has ended and before its root file system is removed. */
  readonly onEnded?: ((container: PreparedContainer) => Promise<void>) | undefined;
  /** Gets the container's stdout and stderr instead of the caller's own; there is no terminal then. */
  readonly onOutput?: OnOutput | undefined;
}

/** A root file system that is there already, and a place for what runc needs. */
export interface PreparedRoot extends Pick<PreparedContainer, "id" | "rootfs" | "bundle" | "imageConfig"> {
  /** runc's state folder. */
  readonly stateFolder: string;
}

/**
 * Runs an image in the foreground: lazy root file system from the daemon, runc in this process, so that stdin, stdout, stderr and the terminal are the
 * caller's own. Nothing of it is left when this settles; should this process be killed, the daemon clears up.
 *
 * @returns the exit status for the caller to pass on
 */
export async function runImage(request: RunRequest, options: RunOptions): Promise<number> {
  for (const volume of request.volumes) await checkVolume(volume);
  const { client } = options;
  const signal = options.signal ?? new AbortController().signal;
  const prepared = await client.prepareContainer(
    { ...request.image, driver: request.driver, ownerPid: process.pid, record: request.record },
    { signal },
  );
  try {
    options.onPrepared?.(prepared);
    const root = { ...prepared, stateFolder: new NodePaths(options.root).runc };
    const status = await runOnRoot(request, root, { ...options, signal });
    await options.onEnded?.(prepared);
    return status;
  } finally {
    await client.removeContainer(prepared.id); // deletes the container again, and says so if it cannot
  }
}

/** What of a {@link RunRequest} is about the process and not about its image. */
export type ProcessRequest = Pick<RunRequest, "net" | "process" | "volumes">;

/**
 * Runs a container on a root file system that somebody else made and removes, until its process ends.
 *
 * @returns the exit status for the caller to pass on
 */
export async function runOnRoot(
  request: ProcessRequest,
  prepared: PreparedRoot,
  options: { readonly signal: AbortSignal; readonly onOutput?: OnOutput | undefined },
): Promise<number> {
  const container: RuncContainer = { ...prepared, logPath: join(prepared.bundle, "runc.log") };
  try {
    await writeBundle(request, prepared, options.onOutput === undefined && isatty(0) && isatty(1));
    await mkdir(container.stateFolder, { recursive: true, mode: 0o700 });
    return await runInForeground(container, options.signal, options.onOutput);
  } finally {
    await deleteContainer(container).catch(() => undefined); // gone already when its process has ended
  }
}

async function writeBundle(request: ProcessRequest, prepared: PreparedRoot, terminal: boolean): Promise<void> {
  const { parseImageConfig } = await import("@sluice/oci"); // until here, whoever calls waited for the daemon only
  const config = parseImageConfig(Buffer.from(prepared.imageConfig), "config of the image").container;
  const image = {
    entrypoint: config.entrypoint,
    cmd: config.command,
    env: config.environment,
    user: config.user,
    workingDir: config.workingDirectory,
  };
  const hostname = request.net === "host" ? hostHostname() : prepared.id.slice(0, 12);
  const user = await lookUpUser(prepared.rootfs, image.user);
  const spec = buildOciSpec({
    root: prepared.rootfs,
    args: argumentsOf(image, request.process),
    env: environmentOf(image, request.process, { home: user.home, hostname, terminal, callerEnv: process.env }),
    cwd: request.process.workingDir ?? (image.workingDir || "/"),
    user,
    terminal,
    hostname,
    net: request.net,
    cgroupsPath: `/sluice-${prepared.id}`, // a folder of its own at the top: no parent is left behind
    cgroup2: await hasOnlyCgroup2(),
    files: await provideNetworkFiles(prepared.bundle, hostname, request.net),
    volumes: request.volumes,
  });
  await writeFile(join(prepared.bundle, "config.json"), JSON.stringify(spec), { mode: 0o600 });
}

/** The unified hierarchy shows its controllers at the top (cgroups(7)); under the first version there is a folder each. */
const hasOnlyCgroup2 = (): Promise<boolean> =>
  access("/sys/fs/cgroup/cgroup.controllers").then(
    () => true,
    () => false,
  );
