import type { NodePool } from "@sluice/snapshotter";
import { Command, InvalidArgumentError } from "commander";
import type { Context } from "../context.js";
import { table } from "../output/table.js";
import { examples, type Runner } from "../verb.js";

interface PoolFlags {
  readonly file?: string;
}

interface ProfileFlags extends PoolFlags {
  readonly enableStreaming?: boolean;
}

/** `sluice node-pool`: whether the nodes of a pool stream. */
export function nodePoolCommand(run: Runner): Command {
  const pools = new Command("node-pool").description("whether the nodes of a pool stream images").helpGroup("Node:");
  const verb = (name: string): Command =>
    new Command(name)
      .argument("<pool>", "name of the pool")
      .option("--file <path>", "the file of pools (default: key poolFile of the configuration)");
  const change = (name: "add" | "update", what: string): Command =>
    verb(name)
      .description(what)
      .option("--enable-streaming [enabled]", "true or false; true when no value is given", parseTruth)
      .addHelpText("after", examples(`sluice node-pool ${name} pool1 --enable-streaming true`))
      .action(run((context: Context, flags: ProfileFlags, pool: string) => write(context, flags, pool, name)));
  return pools
    .addCommand(change("add", "make a pool; its nodes do not stream unless it says so"))
    .addCommand(change("update", "change a pool: its nodes follow with the next image"))
    .addCommand(
      verb("show")
        .description("show a pool; artifactStreamingProfile.enabled says whether its nodes stream")
        .addHelpText("after", examples("sluice node-pool show pool1 -o json | jq .artifactStreamingProfile.enabled"))
        .action(run(show)),
    )
    .addHelpText("after", examples("sluice node-pool show pool1"));
}

async function write(context: Context, flags: ProfileFlags, name: string, how: "add" | "update"): Promise<void> {
  const { writePool } = await import("@sluice/snapshotter");
  if (how === "update" && flags.enableStreaming === undefined) {
    const { UsageError } = await import("../errors.js");
    throw new UsageError("nothing to update: give --enable-streaming true or false");
  }
  const pool: NodePool = { name, artifactStreamingProfile: { enabled: flags.enableStreaming ?? false } };
  await writePool(await fileOf(context, flags), pool, how);
  print(context, pool);
}

async function show(context: Context, flags: PoolFlags, name: string): Promise<void> {
  const { readPool } = await import("@sluice/snapshotter");
  print(context, await readPool(await fileOf(context, flags), name));
}

function print({ output }: Context, pool: NodePool): void {
  output.result(pool, ({ name, artifactStreamingProfile: { enabled } }) =>
    table(["pool", "streams"], [[name, enabled ? "yes" : "no"]]),
  );
}

async function fileOf({ settings, surroundings }: Context, { file }: PoolFlags): Promise<string> {
  const { parseNodeConfig } = await import("@sluice/snapshotter/config");
  const { resolve } = await import("node:path");
  return file === undefined ? parseNodeConfig(settings.tree).poolFile : resolve(surroundings.workingFolder, file);
}

function parseTruth(text: string): boolean {
  if (text !== "true" && text !== "false") throw new InvalidArgumentError("expected true or false");
  return text === "true";
}
