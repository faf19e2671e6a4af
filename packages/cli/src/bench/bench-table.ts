import { bytes, duration } from "../output/quantities.js";
import { table } from "../output/table.js";
import type { BenchResult, ModeResult } from "./bench-result.js";

/** What `bench` shows a person: a row a mode, medians, the spread behind them, and how many times faster than the full pull. */
export function benchTable(result: BenchResult): string {
  const { image, link, modes } = result;
  const full = modes.find(({ mode }) => mode === "full");
  const head = [
    `${result.reference}`,
    `image ${bytes(image.sizeBytes)} in ${image.layers} layers, artifact ${bytes(image.artifactBytes)}`,
    `link ${link.bitsPerSecond / 1e6} Mbit/s, round trip ${link.roundTripSeconds * 1000} ms; ${result.runs} ${result.runs === 1 ? "run" : "runs"}, medians`,
  ].join("\n");
  const rows = modes.map((mode) => rowOf(mode, full));
  const columns = ["mode", "ready", "min", "max", "fetched", "of image", "requests", "FUSE", "faster"];
  return [head, "", table(columns, rows), ...limitLines(result)].join("\n");
}

/** What no start can beat, and how near this one came. */
function limitLines({ recorded, limitSeconds, modes }: BenchResult): string[] {
  if (recorded === undefined) return [];
  const { pagesBytes, compressedBytes, startupBytes } = recorded;
  const share = (startupBytes / compressedBytes).toFixed(2);
  const reads = `a start reads ${bytes(pagesBytes)}, ${bytes(compressedBytes)} compressed; its startup blob is ${share} times that`;
  if (limitSeconds === undefined) return ["", reads];
  const against = modes
    .filter(({ mode }) => mode === "streamed" || mode === "optimized")
    .map(({ mode, secondsToReady }) => `${mode} ${(secondsToReady.median / limitSeconds).toFixed(2)} times`);
  return ["", reads, `limit of this link and machine ${duration(limitSeconds)}: ${against.join(", ")}`];
}

function rowOf(mode: ModeResult, full: ModeResult | undefined): string[] {
  const { secondsToReady } = mode;
  return [
    mode.mode,
    ...[secondsToReady.median, secondsToReady.min, secondsToReady.max].map(duration),
    bytes(mode.bytes.median),
    `${(mode.shareOfImage * 100).toFixed(1)} %`,
    String(mode.requests.median),
    String(mode.fuseRequests?.median ?? ""),
    full === undefined ? "" : `${(full.secondsToReady.median / secondsToReady.median).toFixed(1)}x`,
  ];
}
