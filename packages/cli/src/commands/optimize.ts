import type { OptimizeResult } from "@sluice/converter";
import { Command } from "commander";
import { parseCount } from "../bench/quantities.js";
import { type ReadyFlags, readyOf } from "../bench/ready-flags.js";
import type { Context } from "../context.js";
import { type ImageFlags, Images, withImageFlags } from "../images/opened-image.js";
import { imageAddress, startedDaemon } from "../node/node-daemon.js";
import { startProgress } from "../output/progress.js";
import { bytes, duration } from "../output/quantities.js";
import { facts } from "../output/table.js";
import { examples, type Runner } from "../verb.js";

/** What three starts read leaves next to nothing out. docs/adr/0009-startup.md */
const usualStarts = 3;

interface OptimizeFlags extends ImageFlags, ReadyFlags {
  readonly timeout: number;
  readonly starts?: number;
  readonly fromRecordings?: boolean;
}

/** `sluice optimize`: learns from a start what starts of the image read, and publishes it. */
export function optimizeCommand(run: Runner): Command {
  const command = new Command("optimize")
    .description("start the image, note what it reads until it is ready, and publish that with its artifact")
    .helpGroup("Images:")
    .argument("<ref>", "the image; converted before")
    .argument("[command...]", "instead of the image's arguments; behind --")
    .option("--ready-line <text>", "ready when the container writes this")
    .option("--ready-http <url>", "ready when this answers; without either, watched until it ends or the time is up")
    .option("--timeout <seconds>", "for the start, which is slow while it is watched", parseCount, 300)
    .option(
      "--starts <n>",
      "how many to record, since two differ in a few pages (3; 1 without a ready condition)",
      parseCount,
    )
    .option("--from-recordings", "start nothing: learn from what nodes have offered");
  return withImageFlags(command)
    .addHelpText(
      "after",
      examples(
        'sluice optimize 127.0.0.1:5000/app:1 --ready-line "listening"',
        "sluice optimize 127.0.0.1:5000/app:1 --from-recordings",
      ),
    )
    .action(run(optimize));
}

async function optimize(
  context: Context,
  flags: OptimizeFlags,
  ref: string,
  command: readonly string[],
): Promise<void> {
  const ready = readyOf(flags, "optimize");
  const { optimizeImage } = await import("@sluice/converter");
  await using images = await Images.open(context, flags);
  const image = images.image(ref);
  const progress = await startProgress(context.output);
  try {
    const recordings: Uint8Array[] = [];
    if (flags.fromRecordings !== true) {
      const starts = flags.starts ?? (ready.kind === "exit" ? 1 : usualStarts);
      for (let start = 1; start <= starts; start++) {
        progress.update((0.7 * start) / (starts + 1), `start ${start} of ${starts}, noting what is read`);
        recordings.push(await recorded(context, flags, ref, { ready, command, timeoutMs: flags.timeout * 1000 }));
      }
    }
    progress.update(0.7, "writing the startup blob");
    const { root } = context.settings;
    const { signal } = context;
    const result = await optimizeImage(image, recordings, { root, signal, fromOffered: flags.fromRecordings });
    progress.stop();
    context.output.result(result, describe);
  } finally {
    progress.stop();
  }
}

type Watched = Pick<import("../optimize/record-start.js").RecordedStart, "ready" | "command" | "timeoutMs">;

async function recorded(context: Context, flags: OptimizeFlags, ref: string, start: Watched): Promise<Uint8Array> {
  const { requireParts } = await import("../bench/missing-parts.js");
  await requireParts(context.surroundings.isRoot, "optimize");
  const { recordStart } = await import("../optimize/record-start.js");
  const image = await imageAddress(context, ref, flags);
  const client = await startedDaemon(context);
  const { root } = context.settings;
  return await recordStart(client, { ...start, image, root, signal: context.signal });
}

function describe({ source, artifact, startup, recordings, newRecordings, seconds }: OptimizeResult): string {
  return facts([
    ["image", `${source.reference} (${source.digest})`],
    ["artifact", artifact.digest],
    ["startup set", `${bytes(startup.dataBytes)}, ${bytes(startup.sizeBytes)} compressed, in ${startup.chunks} chunks`],
    ["learned from", `${recordings} ${recordings === 1 ? "start" : "starts"}, ${newRecordings} of them new`],
    ["took", duration(seconds)],
  ]);
}
