/**
 * Time to ready of the real images of test/fixtures over a shaped link, pulled in full and streamed. Needs root and runc.
 *
 *     node test/bench/run.js start [IMAGE …] [--runs N] [--rate 100mbit] [--rtt 20ms] [--mode full,…]
 *
 * The measuring is that of `sluice bench`. Prints JSON.
 */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type RealImage, realImage } from "../support/fixture-images.js";
import { readyLines } from "../support/ready-lines.js";
import { sluiceJson } from "../support/sluice.js";
import { rounded, thisMachine } from "./figures.js";

interface Spread {
  readonly median: number;
}
interface Mode {
  readonly mode: string;
  readonly secondsToReady: Spread;
  readonly bytes: Spread;
  readonly requests: Spread;
  readonly shareOfImage: number;
  readonly overfetch?: Spread;
  readonly fuseRequests?: Spread;
}

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

async function measured(
  name: RealImage,
  { runs, rate, rtt, mode }: { runs: string; rate: string; rtt: string; mode: string },
): Promise<unknown> {
  const work = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  try {
    const layout = join(work, "layout");
    await cp(await realImage(name), layout, { recursive: true });
    const flags = [
      "--runs",
      runs,
      "--rate",
      rate,
      "--rtt",
      rtt,
      "--mode",
      mode,
      "--ready-line",
      readyLines[name],
      "--root",
      join(work, "root"),
    ];
    const result = await sluiceJson(["bench", `oci:${layout}:latest`, ...flags]);
    const modes = result["modes"] as readonly Mode[]; // the contract's document
    const full = modes.find(({ mode }) => mode === "full")?.secondsToReady.median;
    const limit = result["limitSeconds"] as number; // both modes that it takes were asked for
    const rows = modes.map((mode) => [mode.mode, rowOf(mode, full, limit)] as const);
    const { image, recorded } = result;
    return { image, recorded, limitSeconds: limit, ...Object.fromEntries(rows) };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const rowOf = (mode: Mode, full: number | undefined, limit: number): Record<string, number | undefined> => ({
  "ready s": rounded(mode.secondsToReady.median),
  "ready ÷ limit": rounded(mode.secondsToReady.median / limit),
  "times faster than full": full && rounded(full / mode.secondsToReady.median),
  "fetched MB": rounded(mode.bytes.median / 1e6),
  requests: mode.requests.median,
  "share of image": rounded(mode.shareOfImage),
  "FUSE requests": mode.fuseRequests?.median,
  "fetched ÷ read": mode.overfetch && rounded(mode.overfetch.median),
});
