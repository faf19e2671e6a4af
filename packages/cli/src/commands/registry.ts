import { Command, InvalidArgumentError } from "commander";
import type { Context } from "../context.js";
import { UsageError } from "../errors.js";
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

interface Quota {
  readonly maxBytes: number | null;
  readonly warnPercent: number;
}

interface Usage {
  readonly storedBytes: number;
  readonly quota: Quota;
  readonly repositories: readonly {
    readonly repository: string;
    readonly originalBytes: number;
    readonly streamingBytes: number;
    readonly unusedBytes: number;
    readonly maxBytes: number | null;
  }[];
}

interface CollectFlags extends ApiFlags {
  readonly dryRun?: boolean;
  readonly grace?: number;
}

interface QuotaFlags extends ApiFlags {
  readonly repository?: string;
  readonly max?: string;
  readonly warn?: number;
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
  withApiFlags(command.command("quota"))
    .description("show or change how much the registry may hold, or one repository; pushes beyond it are refused")
    .option("--repository <name>", "of this repository, in which each blob counts, shared or not")
    .option("--max <bytes>", "such as 500GiB, or none")
    .option("--warn <percent>", "answer pushes with a warning from this share on (at first: 80)", percentOf)
    .addHelpText(
      "after",
      examples("sluice usage quota --max 500GiB --warn 90", "sluice usage quota --repository app --max 10GiB"),
    )
    .action(run(quota));
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
  context.output.result(usage, ({ quota: settings, repositories, storedBytes }) =>
    [
      table(
        ["repository", "original", "streaming", "unused", "quota"],
        repositories.map((one) => [
          one.repository,
          bytes(one.originalBytes),
          bytes(one.streamingBytes),
          bytes(one.unusedBytes),
          one.maxBytes === null ? "" : bytes(one.maxBytes),
        ]),
      ),
      `${bytes(storedBytes)} stored${quotaText(settings)}`,
    ].join("\n"),
  );
}

async function quota(context: Context, { max, warn, repository, ...flags }: QuotaFlags): Promise<void> {
  const change = {
    ...(max !== undefined && { maxBytes: await maxBytesOf(max) }),
    ...(warn !== undefined && { warnPercent: warn }),
  };
  const isChange = Object.keys(change).length > 0;
  const path = `/settings/quota${repository === undefined ? "" : `?${new URLSearchParams({ repository })}`}`;
  const now = await (isChange
    ? callApi<Quota>(context, flags, "PATCH", path, change)
    : callApi<Quota>(context, flags, "GET", path));
  context.output.result(now, (settings) =>
    settings.maxBytes === null ? "no quota" : `quota${quotaText(settings)}, warnings from ${settings.warnPercent} % on`,
  );
}

const quotaText = ({ maxBytes }: Quota): string => (maxBytes === null ? "" : ` of ${bytes(maxBytes)}`);

/** 512, 500GiB; `none` for no quota. */
async function maxBytesOf(text: string): Promise<number | null> {
  if (text === "none") return null;
  const { parseBytes } = await import("@sluice/snapshotter/config");
  const size = parseBytes(text);
  if (size === undefined || size < 1) throw new UsageError(`--max ${text}: expected a size such as 500GiB, or none`);
  return size;
}

function percentOf(text: string): number {
  if (!/^\d{1,3}$/.test(text) || Number(text) < 1 || Number(text) > 100)
    throw new InvalidArgumentError("expected 1 to 100");
  return Number(text);
}

function secondsOf(text: string): number {
  if (!/^\d{1,8}$/.test(text)) throw new InvalidArgumentError("expected a number of seconds");
  return Number(text);
}
