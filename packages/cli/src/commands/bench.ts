import { Command, Option } from "commander";
import { type BenchMode, benchModes, usualModes } from "../bench/modes.js";
import { parseCount, parseRate, parseRoundTrip } from "../bench/quantities.js";
import { type ReadyFlags, readyOf } from "../bench/ready-flags.js";
import type { Context } from "../context.js";
import { UsageError } from "../errors.js";
import { type ImageFlags, Images, withImageFlags } from "../images/opened-image.js";
import { startedDaemon } from "../node/node-daemon.js";
import { examples, type Runner } from "../verb.js";

interface BenchFlags extends ImageFlags, ReadyFlags {
  readonly mode: string;
  readonly runs: number;
  readonly rate: number;
  readonly rtt: number;
  readonly timeout: number;
  readonly html?: string;
}

/** `sluice bench`: how long a start takes, pulled in full and streamed, on a link of known shape. */
export function benchCommand(run: Runner): Command {
  const command = new Command("bench")
    .description("cold start to ready, pulled in full and streamed, over a link of known rate and round-trip time")
    .helpGroup("Images:")
    .argument("<ref>", "the image; it is copied into a registry of the bench's own")
    .argument("[command...]", "instead of the image's arguments; behind --")
    .option(
      "--mode <modes>",
      `of ${benchModes.join(", ")}: pulled and unpacked, unpacked before, nothing known, starts recorded, everything there`,
      usualModes,
    )
    .option("--runs <n>", "starts per mode", parseCount, 3)
    .addOption(new Option("--rate <rate>", "of the link").argParser(parseRate).default(parseRate("100mbit"), "100mbit"))
    .addOption(
      new Option("--rtt <time>", "round-trip time of the link")
        .argParser(parseRoundTrip)
        .default(parseRoundTrip("20ms"), "20ms"),
    )
    .option("--ready-line <text>", "ready when the container writes this")
    .option("--ready-http <url>", "ready when this answers; without either, ready when the process ends well")
    .option("--timeout <seconds>", "for one start", parseCount, 300)
    .option("--html <file>", "also writes a report for a browser");
  return withImageFlags(command)
    .addHelpText(
      "after",
      examples(
        'sluice bench 127.0.0.1:5000/app:1 --ready-line "listening"',
        "sluice bench oci:./image:latest --mode full,streamed --rate 1gbit --rtt 2ms --ready-http http://127.0.0.1:8080/",
      ),
    )
    .action(run(bench));
}

async function bench(context: Context, flags: BenchFlags, ref: string, command: readonly string[]): Promise<void> {
  const modes = modesOf(flags.mode);
  const ready = readyOf(flags, "bench");
  const { requireParts } = await import("../bench/missing-parts.js");
  await requireParts(context.surroundings.isRoot, "bench");
  const { runBench } = await import("../bench/run-bench.js");
  const { benchTable } = await import("../bench/bench-table.js");
  await using images = await Images.open(context, flags);
  const result = await runBench(
    {
      image: images.image(ref),
      modes,
      runs: flags.runs,
      shape: { bytesPerSecond: flags.rate, roundTripMs: flags.rtt },
      command,
      ready,
      timeoutMs: flags.timeout * 1000,
      signal: context.signal,
    },
    {
      root: context.settings.root,
      log: await context.log("warn"),
      daemonOf: (root) => startedDaemon(context, root),
      onStep: (step) => context.output.note(step),
    },
  );
  if (flags.html !== undefined) {
    const { writeHtmlReport } = await import("../bench/report/html-report.js");
    await writeHtmlReport(flags.html, [result]);
  }
  context.output.result(result, benchTable);
}

function modesOf(text: string): BenchMode[] {
  const names = text.split(",").map((name) => name.trim());
  const modes = benchModes.filter((mode) => names.includes(mode));
  if (modes.length !== new Set(names).size) {
    throw new UsageError(`bench --mode ${text}: expected some of ${benchModes.join(", ")}, with commas between`);
  }
  return modes;
}
