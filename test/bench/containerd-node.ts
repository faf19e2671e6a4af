import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { toolsFolder } from "@sluice/oci/testing";
import { Registries } from "@sluice/snapshotter";
import { KeptNode } from "../support/kept-node.js";
import { type Pod, Pods } from "../support/pods/pods.js";
import { RunningContainerd } from "../support/running-containerd.js";
import { programEntries, pushSmallImage } from "../support/small-image.js";

/** Logs are looked at so often. Milliseconds. */
const pollMs = 5;
export const maxStartMs = 600_000;

/** Paths of the containerds that are here: Debian's, and the one that the CI script builds. */
export const containerdPrograms = (): readonly string[] =>
  ["/usr/bin/containerd", join(toolsFolder, "containerd2/bin/containerd")].filter((program) => existsSync(program));

/** As 1.6.20 or 2.3.4. */
export async function containerdVersion(program: string): Promise<string> {
  const { stdout } = await promisify(execFile)(program, ["--version"]);
  const version = /\d+\.\d+\.\d+/.exec(stdout)?.[0];
  if (version === undefined) throw new Error(`${program} --version: expected a version, got ${stdout}`);
  return version;
}

/**
 * Gives `work` the pods of a containerd on an empty node.
 *
 * @param program path of containerd
 * @param snapshotter of its CRI; ours comes with a daemon of its own
 */
export async function onContainerd<T>(
  program: string,
  snapshotter: "overlayfs" | "sluice",
  work: (pods: Pods) => Promise<T>,
): Promise<T> {
  const sockets = await mkdtemp(join(tmpdir(), "sb-"));
  const address = join(sockets, "s");
  await using node = await KeptNode.create({ SLUICE_SNAPSHOTTER_ADDRESS: address });
  try {
    if (snapshotter === "sluice") await node.must("daemon", "start");
    const place = snapshotter === "sluice" ? { address, dataRoot: node.root } : undefined;
    await using containerd = await RunningContainerd.start(program, place, { sandboxImage: await pushSandbox(node) });
    const logs = join(node.folder, "logs");
    await mkdir(logs);
    using pods = new Pods(containerd.socket, logs);
    return await work(pods);
  } finally {
    await rm(sockets, { recursive: true, force: true });
  }
}

/** What holds a pod's namespaces, from a registry past the link. */
async function pushSandbox(node: KeptNode): Promise<string> {
  const reference = `${node.registry.host}/sandbox:1`;
  const registries = new Registries();
  const config = { Entrypoint: ["/bin/sleep", "100000"] };
  await pushSmallImage(registries.open({ reference }), "1", {
    layers: [await programEntries("/bin/sh", "/bin/sleep")],
    config,
  });
  await registries.close();
  return reference;
}

/** Resolves when the pod's log has `line`. */
export async function hasSaid(pod: Pod, line: string): Promise<void> {
  const sinceMs = performance.now();
  while (!(await pod.log()).includes(line)) {
    if (performance.now() - sinceMs > maxStartMs) throw new Error(`no ${JSON.stringify(line)} in the log of a pod`);
    await sleep(pollMs);
  }
}

export const secondsSince = (sinceMs: number): number => (performance.now() - sinceMs) / 1000;

export async function dropCaches(): Promise<void> {
  await writeFile("/proc/sys/vm/drop_caches", "3");
}
