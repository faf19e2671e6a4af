import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { parseCount, parseRate, parseRoundTrip } from "../bench/quantities.js";
import type { Context } from "../context.js";
import { startedDaemon } from "../node/node-daemon.js";
import { bytes } from "../output/quantities.js";
import { examples, preview, type Runner } from "../verb.js";

interface DemoFlags {
  readonly runs: number;
  readonly rate: number;
  readonly rtt: number;
}

/** `sluice demo`: from an image made here to a container that started before its image arrived, and how much faster that was. */
export function demoCommand(run: Runner): Command {
  return new Command("demo")
    .description(preview("make an image of this machine's Node, convert it, start it pulled in full and streamed"))
    .helpGroup("Other:")
    .option("--runs <n>", "starts per mode", parseCount, 1)
    .option("--rate <rate>", "of the link", parseRate, parseRate("100mbit"))
    .option("--rtt <time>", "round-trip time of the link", parseRoundTrip, parseRoundTrip("20ms"))
    .addHelpText("after", examples("sluice demo", "sluice demo --rate 1gbit --rtt 2ms"))
    .action(run(demo));
}

async function demo(context: Context, flags: DemoFlags): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "sluice-demo-"));
  try {
    await demoIn(dir, context, flags);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function demoIn(dir: string, context: Context, flags: DemoFlags): Promise<void> {
  const { output, signal, surroundings } = context;
  const { pushDemoImage } = await import("../demo/demo-image.js");
  const { ImageLayout } = await import("@sluice/oci");
  output.note("making an image: this Node, the packages of this checkout, a small server");
  await using layout = new ImageLayout(join(dir, "image"));
  const image = await pushDemoImage(layout, "latest", { signal });
  const imageBytes = image.layers.reduce((sum, layer) => sum + layer.size, 0);
  output.note(`made ${bytes(imageBytes)} in ${image.layers.length} layers; converting it as a build host would`);
  const { convertImage } = await import("@sluice/converter");
  const place = { repository: layout, target: "latest", reference: `oci:${join(dir, "image")}:latest` };
  const root = join(dir, "root");
  const converted = await convertImage(place, { root, signal });
  output.note(
    `converted in ${converted.seconds.toFixed(1)} s: ${bytes(converted.uncompressedBytes)} became an artifact of ${bytes(converted.sizeBytes)}`,
  );
  const { missingParts } = await import("../bench/missing-parts.js");
  const missing = await missingParts(surroundings.isRoot);
  if (missing.length > 0) {
    output.result(
      { converted, missing },
      () => `To start containers as well, this machine lacks:\n  ${missing.join("\n  ")}`,
    );
    return;
  }
  const { runBench } = await import("../bench/run-bench.js");
  const { benchTable } = await import("../bench/bench-table.js");
  const result = await runBench(
    {
      image: place,
      modes: ["full", "streamed", "optimized", "warm"],
      runs: flags.runs,
      shape: { bytesPerSecond: flags.rate, roundTripMs: flags.rtt },
      command: [],
      ready: { kind: "line", text: "ready with" },
      timeoutMs: 120_000,
      signal,
    },
    {
      root,
      log: await context.log("warn"),
      daemonOf: (nodeRoot) => startedDaemon(context, nodeRoot),
      onStep: (step) => output.note(step),
    },
  );
  output.result(result, benchTable);
}
