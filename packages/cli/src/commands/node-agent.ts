import { copyFile, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import type { Context } from "../context.js";
import { UsageError } from "../errors.js";
import { type NodePlaceFlags, nodePlaces } from "../node/node-places.js";
import { versionOfProgram } from "../program-version.js";
import { examples, preview, type Runner } from "../verb.js";

interface AgentFlags extends NodePlaceFlags {
  readonly configFrom?: string;
}

/** The pod's share of CPU is small, a node that fails is noticed within a minute. Milliseconds. */
const everyMs = 30_000;
const accountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/** `sluice node agent`: what a DaemonSet runs on each node. */
export const agentCommand = (command: Command, run: Runner): Command =>
  command
    .description(
      preview("in a DaemonSet: install this program on the machine, keep it installed, and tell the cluster"),
    )
    .option("--config-from <dir>", "files for /etc/sluice of the machine")
    .addHelpText("after", examples("sluice node agent --root-fs /host --config-from /config"))
    .action(run(agent));

async function agent(context: Context, flags: AgentFlags): Promise<void> {
  const { Cluster, DaemonClient, installNode, localHost, NodePaths, placeProgram, runNodeAgent } = await import(
    "@sluice/snapshotter"
  );
  const { environment } = context.surroundings;
  const node = environment["NODE_NAME"];
  const [apiHost, apiPort] = [environment["KUBERNETES_SERVICE_HOST"], environment["KUBERNETES_SERVICE_PORT"]];
  if (!node || !apiHost)
    throw new UsageError("node agent runs in a pod: NODE_NAME and KUBERNETES_SERVICE_HOST are not set");
  const { rootFs, ...places } = nodePlaces(context, flags);
  const host = localHost(rootFs);
  const log = await context.log("info");
  const version = versionOfProgram();
  const address = `https://${apiHost.includes(":") ? `[${apiHost}]` : apiHost}:${apiPort ?? "443"}`;
  const daemon = new DaemonClient(new NodePaths(join(rootFs, places.dataRoot)).controlSocket);
  await runNodeAgent(
    {
      node,
      everyMs,
      pulls: (after) => daemon.pulls(after, { signal: context.signal }),
      cluster: new Cluster({ address, accountFolder }),
      onProblem: (error) => log.warn({ err: error }, "the node agent goes on"),
      install: async () => {
        if (flags.configFrom !== undefined) await copyFiles(flags.configFrom, join(rootFs, "etc/sluice"));
        const entry = await placeProgram(host, { from: fileURLToPath(new URL("../..", import.meta.url)), version });
        const steps = await installNode(host, { ...places, entry });
        // The unit is of another version: the daemon is replaced under its mounts, the keeper stays.
        if (steps.some(({ what, done }) => what.endsWith(".service") && done === "written")) {
          const [file = "", ...words] = entry;
          const { exitCode, output } = await host.run(file, [...words, "--root", places.dataRoot, "daemon", "restart"]);
          if (exitCode !== 0) throw new Error(`daemon restart: ${output}`);
        }
        for (const { what, done } of steps)
          if (done !== "unchanged" && done !== "checked") log.info({ what, done }, "installed");
      },
      look: async () => {
        const { exitCode, output } = await host.run("systemctl", ["is-active", "sluice.service"]);
        return exitCode === 0
          ? { ready: true, reason: "Streaming", message: `sluice ${version} serves containerd's snapshots` }
          : { ready: false, reason: "ServiceDown", message: `sluice.service: ${output}` };
      },
    },
    { signal: context.signal },
  );
}

/** A ConfigMap's files; what the kubelet keeps beside them starts with two dots. */
async function copyFiles(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of await readdir(from)) if (!name.startsWith("..")) await copyFile(join(from, name), join(to, name));
}
