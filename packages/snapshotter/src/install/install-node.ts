import { copyFile, mkdir, readFile, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../state/errno.js";
import { writeWholeFile } from "../state/whole-file.js";
import { containerdRootOf, withoutSnapshotter, withSnapshotter } from "./containerd-config.js";
import { type Host, onHost } from "./host.js";
import { linkFolder, linkPathOf } from "./link-folder.js";
import { type ServiceOptions, serviceName, serviceUnit } from "./service-unit.js";
import { snapshotterName } from "./snapshotter-name.js";

/** Something of the installation failed. What was done before it was undone. */
export class NodeInstallError extends Error {
  override readonly name = "NodeInstallError";
  readonly code = "NODE_INSTALL";
}

export interface NodeInstallOptions extends ServiceOptions {
  /** containerd's, absolute on the host. */
  readonly containerdConfig: string;
  /** Whether services are started and containerd is restarted; else files are written and nothing more. */
  readonly activate: boolean;
}

/** A file or service, and what was done with it. */
export interface InstallStep {
  readonly what: string;
  readonly done: "written" | "unchanged" | "restored" | "removed" | "started" | "restarted" | "stopped" | "checked";
}

export const unitPath: string = `/etc/systemd/system/${serviceName}`;
/** Whoever looks after containerd's configuration by hand finds it as it was. */
export const backupPathOf = (path: string): string => `${path}.before-sluice`;

/** The service makes its socket within a second; a store of many chunks takes longer to open. Milliseconds. */
const serviceTimeoutMs = 30_000;

/**
 * Makes the host a node: the unit of the service, containerd's configuration with our snapshotter, both started. A second time it changes nothing and restarts
 * nothing. When containerd does not come up with it, its configuration is what it was.
 *
 * @throws {ContainerdConfigError} {NodeInstallError}
 */
export async function installNode(host: Host, options: NodeInstallOptions): Promise<readonly InstallStep[]> {
  const configPath = onHost(host, options.containerdConfig);
  const before = await textOf(configPath);
  const after = withSnapshotter(before, { ...options, address: options.socket }, options.containerdConfig); // refuses before anything is written
  const unit = await put(onHost(host, unitPath), serviceUnit(options));
  const steps: InstallStep[] = [{ what: unitPath, done: unit }];
  const isChanged = before !== after;
  if (isChanged && before !== undefined && withoutSnapshotter(before) === before) {
    await copyFile(configPath, onHost(host, backupPathOf(options.containerdConfig)));
  }
  if (options.activate) steps.push(...(await startService(host, options, unit === "written")));
  const link = linkPathOf(containerdRootOf(before, options.containerdConfig));
  steps.push({ what: link, done: await linkFolder(host, link, options.dataRoot) });
  if (isChanged) await writeLike(configPath, after);
  steps.push({ what: options.containerdConfig, done: isChanged ? "written" : "unchanged" });
  if (!options.activate) return steps;
  if (isChanged) {
    await restartContainerd(host, async () => {
      if (before !== undefined) await writeLike(configPath, before);
      else await rm(configPath);
    });
    steps.push({ what: "containerd.service", done: "restarted" });
  }
  await checkPlugin(host);
  return [...steps, { what: `containerd's snapshotter ${snapshotterName}`, done: "checked" }];
}

async function startService(host: Host, { socket }: ServiceOptions, isNew: boolean): Promise<readonly InstallStep[]> {
  if (isNew) await must(host, "systemctl", ["daemon-reload"]);
  await must(host, "systemctl", ["enable", "--now", serviceName]);
  const deadline = Date.now() + serviceTimeoutMs;
  while (
    !(await stat(onHost(host, socket)).then(
      () => true,
      () => false,
    ))
  ) {
    if (Date.now() > deadline) {
      throw new NodeInstallError(
        `${serviceName} did not make ${socket} in time: see journalctl -u ${serviceName}. containerd was not touched`,
      );
    }
    await sleep(100);
  }
  return [{ what: serviceName, done: "started" }];
}

/** Containers go on while containerd restarts. */
export async function restartContainerd(host: Host, undo: () => Promise<void>): Promise<void> {
  try {
    await must(host, "systemctl", ["restart", "containerd.service"]);
  } catch (error) {
    await undo();
    await host.run("systemctl", ["restart", "containerd.service"]);
    throw error;
  }
}

async function checkPlugin(host: Host): Promise<void> {
  const { exitCode, output } = await host.run("ctr", ["plugins", "ls", `id==${snapshotterName}`]);
  if (exitCode === 127) return; // containerd without its ctr: the restart has succeeded, and `node check` tells more
  if (exitCode === 0 && new RegExp(`\\b${snapshotterName}\\b.*\\bok\\b`).test(output)) return;
  throw new NodeInstallError(`containerd does not show the snapshotter ${snapshotterName} as ok: ${output}`);
}

/** @throws {NodeInstallError} */
export async function must(host: Host, program: string, args: readonly string[]): Promise<void> {
  const { exitCode, output } = await host.run(program, args);
  if (exitCode !== 0) throw new NodeInstallError(`${[program, ...args].join(" ")}: exit code ${exitCode}: ${output}`);
}

/** Undefined when there is no such file. */
export async function textOf(path: string): Promise<string | undefined> {
  return await readFile(path, "utf8").catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  });
}

async function put(path: string, text: string): Promise<"written" | "unchanged"> {
  if ((await textOf(path)) === text) return "unchanged";
  await writeLike(path, text);
  return "written";
}

const usualMode = 0o644;

/** Whole or not at all, with the rights that the file has. */
export async function writeLike(path: string, text: string): Promise<void> {
  const mode = await stat(path).then(
    (found) => found.mode & 0o777,
    () => usualMode,
  );
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await writeWholeFile(path, text, mode);
}
