import { rm, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { containerdRootOf, withoutSnapshotter } from "./containerd-config.js";
import { type Host, onHost } from "./host.js";
import {
  backupPathOf,
  type InstallStep,
  must,
  type NodeInstallOptions,
  restartContainerd,
  textOf,
  unitPath,
  writeLike,
} from "./install-node.js";
import { linkPathOf, unlinkFolder } from "./link-folder.js";
import { serviceName } from "./service-unit.js";

/** Containers still stand on snapshots of ours. */
export class SnapshotsInUseError extends Error {
  override readonly name = "SnapshotsInUseError";
  readonly code = "SNAPSHOTS_IN_USE";
  constructor(mountpoints: readonly string[]) {
    const shown = mountpoints.slice(0, 5).join(", ");
    super(
      `${mountpoints.length} mounts stand on this node's snapshots: ${shown}. Drain the node (kubectl drain, or stop these containers), then uninstall again, or give --wait`,
    );
  }
}

export interface NodeUninstallOptions
  extends Pick<NodeInstallOptions, "containerdConfig" | "dataRoot" | "socket" | "activate"> {
  /** How long containers are waited for. Milliseconds. */
  readonly waitMs: number;
  /** Keep what lies below the data root. */
  readonly keepData: boolean;
}

const pollMs = 500;

/**
 * Takes away what {@link installNode} made, and the data root: containerd's configuration is byte for byte what it was, but for what others changed since. A
 * second time it does nothing.
 *
 * @throws {SnapshotsInUseError} when containers use snapshots of ours for longer than was to be waited
 */
export async function uninstallNode(host: Host, options: NodeUninstallOptions): Promise<readonly InstallStep[]> {
  await drained(host, options);
  const steps: InstallStep[] = [];
  const configPath = onHost(host, options.containerdConfig);
  const before = await textOf(configPath);
  const after = before === undefined ? undefined : withoutSnapshotter(before);
  if (before !== after) {
    if (after === undefined) await rm(configPath);
    else await writeLike(configPath, after);
    steps.push({ what: options.containerdConfig, done: "restored" });
    if (options.activate) {
      await restartContainerd(host, async () => writeLike(configPath, before ?? ""));
      steps.push({ what: "containerd.service", done: "restarted" });
    }
  }
  const link = linkPathOf(containerdRootOf(after, options.containerdConfig));
  await unlinkFolder(host, link, options.dataRoot);
  await rm(onHost(host, backupPathOf(options.containerdConfig)), { force: true });
  const unit = onHost(host, unitPath);
  if ((await textOf(unit)) !== undefined) {
    if (options.activate) {
      await stopService(host, options);
      steps.push({ what: serviceName, done: "stopped" });
    }
    await rm(unit);
    if (options.activate) await must(host, "systemctl", ["daemon-reload"]);
    steps.push({ what: unitPath, done: "removed" });
  }
  await rm(onHost(host, options.socket), { force: true });
  if (!options.keepData && (await isThere(onHost(host, options.dataRoot)))) {
    // Nothing below it is mounted any more: that was waited for, and the service has stopped.
    await rm(onHost(host, options.dataRoot), { recursive: true });
    steps.push({ what: options.dataRoot, done: "removed" });
  }
  return steps;
}

/** `systemctl stop` ends the keeper only; its daemon is told by its own socket. */
async function stopService(host: Host, { dataRoot }: NodeUninstallOptions): Promise<void> {
  await must(host, "systemctl", ["disable", "--now", serviceName]);
  const { DaemonClient, DaemonNotRunningError } = await import("../control/client.js");
  const { NodePaths } = await import("../state/node-paths.js");
  const { stopDaemon } = await import("../process/stop-daemon.js");
  const client = new DaemonClient(new NodePaths(onHost(host, dataRoot)).controlSocket);
  await stopDaemon(client, { busy: "refuse", keepMounts: false }).catch((error: unknown) => {
    if (!(error instanceof DaemonNotRunningError)) throw error;
  });
}

async function drained(host: Host, { dataRoot, waitMs }: NodeUninstallOptions): Promise<void> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    const users = await usersOf(host, dataRoot);
    if (users.length === 0) return;
    if (Date.now() >= deadline) throw new SnapshotsInUseError(users);
    await sleep(Math.min(pollMs, waitMs));
  }
}

/** Where overlays stand whose folders lie below the data root, as the host's first process sees it. */
async function usersOf(host: Host, dataRoot: string): Promise<readonly string[]> {
  const table = (await textOf(onHost(host, "/proc/1/mounts"))) ?? "";
  return table.split("\n").flatMap((line) => {
    const [, mountpoint = "", type, options = ""] = line.split(" ");
    return type === "overlay" && options.includes(`=${dataRoot}/`) && !mountpoint.startsWith(`${dataRoot}/`)
      ? [mountpoint]
      : [];
  });
}

const isThere = async (path: string): Promise<boolean> => {
  return await stat(path).then(
    () => true,
    () => false,
  );
};
