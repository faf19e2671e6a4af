import { Command, Option } from "commander";
import { tokenCommand, userCommand } from "./commands/accounts.js";
import { benchCommand } from "./commands/bench.js";
import { completionCommand } from "./commands/completion.js";
import { configCommand } from "./commands/config.js";
import { convertCommand } from "./commands/convert.js";
import { daemonCommand } from "./commands/daemon.js";
import { demoCommand } from "./commands/demo.js";
import { eventsCommand } from "./commands/events.js";
import { importCommand } from "./commands/import.js";
import { inspectCommand } from "./commands/inspect.js";
import { manifestCommand } from "./commands/manifest.js";
import { mountCommand } from "./commands/mount.js";
import { mountsCommand } from "./commands/mounts.js";
import { nodeCommand } from "./commands/node.js";
import { nodePoolCommand } from "./commands/node-pool.js";
import { operationCommand } from "./commands/operation.js";
import { optimizeCommand } from "./commands/optimize.js";
import { pullCommand } from "./commands/pull.js";
import { referrersCommand } from "./commands/referrers.js";
import { registryCommand, usageCommand } from "./commands/registry.js";
import { repoCommand } from "./commands/repo.js";
import { runCommand } from "./commands/run.js";
import { scopeMapCommand } from "./commands/scope-map.js";
import { serveCommand } from "./commands/serve.js";
import { snapshotterCommand } from "./commands/snapshotter.js";
import { repositoryCommand } from "./commands/soft-delete.js";
import { storeCommand } from "./commands/store.js";
import { umountCommand } from "./commands/umount.js";
import { verifyCommand } from "./commands/verify.js";
import { webhookCommand } from "./commands/webhook.js";
import { whyCommand } from "./commands/why.js";
import { workerCommand } from "./commands/worker.js";
import { versionOfProgram } from "./program-version.js";
import type { Runner } from "./verb.js";

/** All verbs and the flags they share. Loads no verb's packages: each does so when it runs. */
export function createProgram(runner: Runner): Command {
  const program = new Command("sluice")
    .description("Starts containers before their image has arrived.")
    .version(versionOfProgram(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [verb]", "print the help of a verb")
    .configureHelp({ showGlobalOptions: true })
    .addOption(new Option("-o, --output <format>", "what stdout holds").choices(["table", "json"]).default("table"))
    .option("-q, --quiet", "neither progress nor remarks on stderr")
    .addOption(
      new Option("--log-level <level>", "what is logged on stderr").choices([
        "trace",
        "debug",
        "info",
        "warn",
        "error",
        "silent",
      ]),
    )
    .option("--config <file>", "the configuration file")
    .option("--root <dir>", "the data root")
    .option("--registry <host>", "the registry of references that name none")
    .addHelpText("after", programExamples);
  for (const command of verbs(runner, program)) program.addCommand(inherit(command, program));
  return program;
}

function verbs(runner: Runner, program: Command): readonly Command[] {
  return [
    convertCommand(runner),
    referrersCommand(runner),
    inspectCommand(runner),
    verifyCommand(runner),
    optimizeCommand(runner),
    runCommand(runner),
    mountCommand(runner),
    umountCommand(runner),
    mountsCommand(runner),
    whyCommand(runner),
    benchCommand(runner),
    daemonCommand(runner),
    snapshotterCommand(runner),
    storeCommand(runner),
    nodeCommand(runner),
    nodePoolCommand(runner),
    pullCommand(runner),
    serveCommand(runner),
    workerCommand(runner),
    repoCommand(runner),
    operationCommand(runner),
    manifestCommand(runner),
    importCommand(runner),
    repositoryCommand(runner),
    webhookCommand(runner),
    eventsCommand(runner),
    userCommand(runner),
    tokenCommand(runner),
    scopeMapCommand(runner),
    registryCommand(runner),
    usageCommand(runner),
    configCommand(runner),
    demoCommand(runner),
    completionCommand(runner, program),
  ];
}

/** `addCommand` leaves the settings of the parent behind; help and errors must look alike everywhere. */
function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inherit(child, command);
  return command;
}

const programExamples = `
Verbs marked [preview] may change in any version.

Examples:
  sluice serve                          a registry on this machine
  sluice convert 127.0.0.1:5000/app:1   make an image streamable
  sluice run 127.0.0.1:5000/app:1       start it without waiting for it`;
