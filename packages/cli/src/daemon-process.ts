import { parseArgs } from "node:util";
import { defaultDevices, prepareThreads } from "@sluice/snapshotter/threads";
import { loadSettings, type Settings } from "./config/settings.js";
import { UsageError } from "./errors.js";
import { exitCodes } from "./exit-codes.js";
import { Output } from "./output/output.js";
import { versionOfProgram } from "./program-version.js";
import { surroundingsOfProcess } from "./surroundings.js";

/**
 * Runs the daemon in this process, as its keeper asks for it: `--root DIR [--config FILE]`. Never throws: what goes wrong is told on stderr.
 * @returns the exit code
 */
export async function daemonProcess(args: readonly string[]): Promise<number> {
  const surroundings = surroundingsOfProcess();
  try {
    prepareThreads(defaultDevices);
    const { values } = parseArgs({
      args: [...args],
      options: { root: { type: "string" }, config: { type: "string" } },
    });
    const tree = values.root === undefined ? {} : { root: values.root };
    return await serveNode(await loadSettings({ config: values.config, tree }, surroundings));
  } catch (error) {
    new Output(surroundings.stdout, surroundings.stderr, "table", false).failure(error);
    return error instanceof UsageError ? exitCodes.usage : exitCodes.failed;
  }
}

/** Serves the data root of the settings until it is stopped. @returns the exit code */
export async function serveNode({ root, tree }: Pick<Settings, "root" | "tree">): Promise<number> {
  const { AttachedKeeper, createFileLog, createStderrLog, NodePaths, parseNodeConfig, runDaemon } = await import(
    "@sluice/snapshotter/daemon"
  );
  const config = parseNodeConfig(tree);
  const keeper = AttachedKeeper.fromEnvironment(process.env);
  const log =
    keeper?.log === "file"
      ? createFileLog(new NodePaths(root).log, config.log.level)
      : createStderrLog(config.log.level);
  return await runDaemon({ root, config, version: versionOfProgram(), log, keeper });
}
