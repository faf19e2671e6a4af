import type { ConversionsConfig } from "@sluice/server";
import { Command, InvalidArgumentError } from "commander";
import { booleanAt, numberAt, sharedStorage } from "../config/serve-settings.js";
import { upstreamSettings } from "../config/upstream-settings.js";
import type { Context } from "../context.js";
import { UsageError } from "../errors.js";
import { untilStopped } from "../until-stopped.js";
import { examples, preview, type Runner } from "../verb.js";

interface WorkerFlags {
  readonly conversions?: number;
}

/** `sluice worker`: converts for a registry on shared storage, in the foreground, until Ctrl-C or SIGTERM. */
export function workerCommand(run: Runner): Command {
  return new Command("worker")
    .description(preview("convert for a registry on shared storage, beside any number of others; serves nobody"))
    .helpGroup("Registry:")
    .option("--conversions <n>", "at once in this process (default: 1)", conversionsAt)
    .addHelpText("after", examples("sluice worker --config /etc/sluice/config.yaml --conversions 2"))
    .action(run(work));
}

async function work(context: Context, flags: WorkerFlags): Promise<void> {
  const shared = sharedStorage(context);
  if (shared === undefined) {
    throw new UsageError(
      "a worker needs the registry's shared storage: set serve.storage in the configuration; on files below a data root `sluice serve` converts by itself",
    );
  }
  const conversions = conversionsConfig(flags.conversions ?? numberAt(context, ["conversions"]));
  if (conversions.concurrency === 0) throw new UsageError("a worker with --conversions 0 would do nothing");
  const { createWorker } = await import("@sluice/server");
  const { root } = context.settings;
  const { upstreamPollMs: _pollMs, ...upstreams } = await upstreamSettings(context, undefined, undefined);
  const allowPrivate = booleanAt(context, ["outgoing", "allowPrivate"]);
  await using _worker = await createWorker({
    ...{ root, shared, log: await context.log("info"), conversions, allowPrivate },
    ...upstreams,
  });
  context.output.result({ pid: process.pid }, ({ pid }) => `worker ${pid} waits for conversions`);
  await untilStopped(context.signal);
}

export const conversionsConfig = (concurrency: number | undefined): Partial<ConversionsConfig> =>
  concurrency === undefined ? {} : { concurrency };

/** Of `--conversions`. */
export function conversionsAt(text: string): number {
  if (!/^\d{1,2}$/.test(text)) throw new InvalidArgumentError("expected a number from 0 to 99");
  return Number(text);
}
