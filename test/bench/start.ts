/**
 * Time to ready of the real images of test/fixtures over a shaped link, pulled in full and streamed. Needs root and runc.
 *
 *     node test/bench/run.js start [IMAGE …] [--runs N] [--rate 100mbit] [--rtt 20ms] [--mode full,…]
 *
 * The measuring is that of `sluice bench`; a full pull runs once, as it takes what the link takes. Prints JSON, with the results of `sluice bench` as they were.
 */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { BenchResult } from "sluice/bench";
import { type RealImage, realImage } from "../support/fixture-images.js";
import { readyLines } from "../support/ready-lines.js";
import { sluiceJson } from "../support/sluice.js";
import { rounded, thisMachine } from "./figures.js";

export async function main(args: readonly string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      runs: { type: "string", default: "3" },
      rate: { type: "string", default: "100mbit" },
      rtt: { type: "string", default: "20ms" },
      mode: { type: "string", default: "full,overlay,streamed,optimized,warm" },
    },
  });
  const names = positionals.length > 0 ? positionals : Object.keys(readyLines);
  const images: Record<string, unknown> = {};
  for (const name of names) images[name] = await measured(name as RealImage, values); // an unknown name has no recipe, which the recipe says
  console.log(
    JSON.stringify(
      { bench: "start", ...(await thisMachine()), link: { rate: values.rate, rtt: values.rtt }, images },
      null,
      2,
    ),
  );
}

interface Flags {
  readonly runs: string;
  readonly rate: string;
  readonly rtt: string;
  readonly mode: string;
}

async function measured(name: RealImage, { runs, rate, rtt, mode }: Flags): Promise<unknown> {
  const work = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  try {
    const layout = join(work, "layout");
    await cp(await realImage(name), layout, { recursive: true });
    const bench = async (modes: readonly string[], runs: string): Promise<BenchResult> => {
      const flags = ["--runs", runs, "--rate", rate, "--rtt", rtt, "--mode", modes.join(",")];
      const around = ["--ready-line", readyLines[name], "--root", join(work, "root")];
      const result = await sluiceJson(["bench", `oci:${layout}:latest`, ...flags, ...around]);
      return { ...(result as unknown as BenchResult), reference: name }; // the contract's document
    };
    const asked = mode.split(",");
    const others = asked.filter((one) => one !== "full");
    const results = [
      ...(asked.includes("full") ? [await bench(["full"], "1")] : []),
      ...(others.length > 0 ? [await bench(others, runs)] : []),
    ];
    const result = results.at(-1);
    if (result === undefined) throw new Error(`start --mode ${mode}: no mode at all`);
    const modes = results.flatMap((one) => one.modes);
    return { ...rowsOf(modes, result), result: { ...result, modes } };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function rowsOf(modes: BenchResult["modes"], { image, recorded, limitSeconds }: BenchResult): Record<string, unknown> {
  const full = modes.find(({ mode }) => mode === "full")?.secondsToReady.median;
  return {
    image,
    recorded,
    limitSeconds,
    ...Object.fromEntries(modes.map((mode) => [mode.mode, rowOf(mode, full, limitSeconds)])),
  };
}

const rowOf = (
  mode: BenchResult["modes"][number],
  full: number | undefined,
  limit: number | undefined,
): Record<string, number | undefined> => ({
  "ready s": rounded(mode.secondsToReady.median),
  "ready ÷ limit": limit && rounded(mode.secondsToReady.median / limit),
  "times faster than full": full && rounded(full / mode.secondsToReady.median),
  "fetched MB": rounded(mode.bytes.median / 1e6),
  requests: mode.requests.median,
  "share of image": rounded(mode.shareOfImage),
  "FUSE requests": mode.fuseRequests?.median,
  "fetched ÷ read": mode.overfetch && rounded(mode.overfetch.median),
});
