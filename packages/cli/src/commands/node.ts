import { Command, Option } from "commander";
import { parseCount } from "../bench/quantities.js";
import type { Context } from "../context.js";
import { exitCodes } from "../exit-codes.js";
import { type NodePlaceFlags, nodePlaces, programEntry } from "../node/node-places.js";
import { table } from "../output/table.js";
import { examples, type Runner } from "../verb.js";
import { agentCommand } from "./node-agent.js";

interface UninstallFlags extends NodePlaceFlags {
  /** Seconds. */
  readonly wait: number;
  readonly keepData?: boolean;
}

/** `sluice node`: this machine as a node. */
export function nodeCommand(run: Runner): Command {
  const node = new Command("node").description("this machine as a node").helpGroup("Node:");
  node
    .addCommand(
      withPlaces(new Command("install"))
        .description("make this machine a node of containerd: its configuration, a service, and a check that both work")
        .addHelpText("after", examples("sluice node install", "sluice node install --root-fs /host"))
        .action(run(install)),
    )
    .addCommand(
      new Command("check")
        .description("what this machine can do, and what would cure what it cannot")
        .addOption(containerdConfig())
        .addHelpText("after", examples("sluice node check", "sluice node check -o json"))
        .action(run(check)),
    )
    .addCommand(
      withPlaces(new Command("uninstall"))
        .description("take away what install made; refuses while containers use it")
        .option("--wait <seconds>", "how long to wait for containers to end", parseCount, 0)
        .option("--keep-data", "keep the data root")
        .addHelpText("after", examples("sluice node uninstall", "sluice node uninstall --wait 300"))
        .action(run(uninstall)),
    );
  node.addCommand(agentCommand(withPlaces(new Command("agent")), run));
  return node.addHelpText("after", examples("sluice node check", "sluice node install"));
}

const containerdConfig = (): Option =>
  new Option("--containerd-config <file>", "containerd's configuration").default("/etc/containerd/config.toml");

const withPlaces = (command: Command): Command =>
  command
    .addOption(containerdConfig())
    .option("--root-fs <dir>", "the machine whose root is mounted here", "/")
    .option("--socket <path>", "the snapshotter's socket", "/run/sluice/snapshotter.sock")
    .option("--no-activate", "write files only: start and restart nothing");

async function install(context: Context, flags: NodePlaceFlags): Promise<void> {
  const { installNode, localHost } = await import("@sluice/snapshotter");
  const { rootFs, ...places } = nodePlaces(context, flags);
  const steps = await installNode(localHost(rootFs), { ...places, entry: programEntry() });
  context.output.result({ steps }, () =>
    table(
      ["what", "done"],
      steps.map(({ what, done }) => [what, done]),
    ),
  );
}

async function uninstall(context: Context, flags: UninstallFlags): Promise<void> {
  const { localHost, uninstallNode } = await import("@sluice/snapshotter");
  const { rootFs, ...places } = nodePlaces(context, flags);
  const options = { ...places, waitMs: flags.wait * 1000, keepData: flags.keepData === true };
  const steps = await uninstallNode(localHost(rootFs), options);
  context.output.result({ steps }, () =>
    steps.length === 0
      ? "nothing was installed"
      : table(
          ["what", "done"],
          steps.map(({ what, done }) => [what, done]),
        ),
  );
}

async function check(context: Context, flags: Pick<NodePlaceFlags, "containerdConfig">): Promise<number> {
  const { checkMachine, machineProbes, parseNodeConfig } = await import("@sluice/snapshotter");
  const { settings, surroundings } = context;
  const { certsDir, mirrors } = parseNodeConfig(settings.tree);
  const registries = [settings.defaultRegistry, ...Object.keys(mirrors)].filter(
    (host) => host !== undefined && host !== "*",
  );
  const probes = machineProbes({ path: surroundings.environment["PATH"], certsDirectory: certsDir });
  const report = await checkMachine(probes, {
    dataRoot: settings.root,
    registries: [...new Set(registries as string[])], // undefined was left out on the line above
    containerd: { socket: "/run/containerd/containerd.sock", config: flags.containerdConfig },
  });
  context.output.result(report, ({ findings }) =>
    table(
      ["what", "here", "why", "cure"],
      findings.map(({ name, state, detail, cure }) => [name, state, detail, cure ?? ""]),
    ),
  );
  return report.ok ? exitCodes.done : exitCodes.failed;
}
