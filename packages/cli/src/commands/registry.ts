import { Command, InvalidArgumentError } from "commander";
import type { Context } from "../context.js";
import { bytes } from "../output/quantities.js";
import { table } from "../output/table.js";
import { withApiFlags } from "../registry-api/api-flags.js";
import { type ApiFlags, callApi } from "../registry-api/registry-api.js";
import { examples, type Runner } from "../verb.js";

interface Collection {
  readonly unlinkedBlobs: number;
  readonly removedBlobs: number;
  readonly removedBytes: number;
  readonly dryRun: boolean;
}

interface Usage {
  readonly storedBytes: number;
  readonly repositories: readonly {
    readonly repository: string;
    readonly originalBytes: number;
    readonly streamingBytes: number;
    readonly unusedBytes: number;
  }[];
}

interface CollectFlags extends ApiFlags {
  readonly dryRun?: boolean;
  readonly grace?: number;
}

/** `sluice registry`: a running registry as a whole. */
export function registryCommand(run: Runner): Command {
  const command = new Command("registry").description("a running registry as a whole").helpGroup("Registry:");
  withApiFlags(command.command("gc"))
    .description("remove blobs that no manifest names; it does so by itself, too, four times a day")
    .option("--dry-run", "tell what would go, and remove nothing")
    .option("--grace <seconds>", "leave what became unused within so many seconds (default: a day)", secondsOf)
    .addHelpText("after", examples("sluice registry gc --dry-run"))
    .action(run(collect));
  return command.addHelpText("after", examples("sluice registry gc --dry-run"));
}

/** `sluice usage`: what repositories take. */
export function usageCommand(run: Runner): Command {
  const command = new Command("usage").description("what repositories take").helpGroup("Registry:");
  withApiFlags(command.command("show"))
    .description("bytes by repository, of originals and of streaming artifacts")
    .addHelpText("after", examples("sluice usage show --registry 127.0.0.1:5000"))
    .action(run(showUsage));
  return command.addHelpText("after", examples("sluice usage show"));
}

async function collect(context: Context, flags: CollectFlags): Promise<void> {
  const collection = await callApi<Collection>(context, flags, "POST", "/garbage-collections", {
    dryRun: flags.dryRun === true,
    ...(flags.grace !== undefined && { graceSeconds: flags.grace }),
  });
  context.output.result(collection, ({ removedBlobs, removedBytes, unlinkedBlobs, dryRun }) => {
    const would = dryRun ? "would be " : "";
    return `${removedBlobs} blobs ${would}removed, ${bytes(removedBytes)} ${would}freed; ${unlinkedBlobs} ${would}taken out of repositories`;
  });
}

async function showUsage(context: Context, flags: ApiFlags): Promise<void> {
  const usage = await callApi<Usage>(context, flags, "GET", "/usage");
  context.output.result(usage, ({ repositories, storedBytes }) =>
    [
      table(
        ["repository", "original", "streaming", "unused"],
        repositories.map((one) => [
          one.repository,
          bytes(one.originalBytes),
          bytes(one.streamingBytes),
          bytes(one.unusedBytes),
        ]),
      ),
      `${bytes(storedBytes)} stored`,
    ].join("\n"),
  );
}

function secondsOf(text: string): number {
  if (!/^\d{1,8}$/.test(text)) throw new InvalidArgumentError("expected a number of seconds");
  return Number(text);
}
