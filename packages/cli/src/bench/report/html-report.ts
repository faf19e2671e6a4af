import { writeFile } from "node:fs/promises";
import { bytes, duration } from "../../output/quantities.js";
import type { BenchResult, ModeResult } from "../bench-result.js";
import { benchModes } from "../modes.js";
import { barPlot } from "./bar-plot.js";
import { htmlPage } from "./html-page.js";
import { type Curve, linePlot } from "./line-plot.js";
import { escapeText, type Kind } from "./plot.js";

/** One self-contained page: a section a result, then `sections` as they are. */
export async function writeHtmlReport(
  path: string,
  results: readonly BenchResult[],
  sections: readonly string[] = [],
): Promise<void> {
  await writeFile(path, htmlPage("Starts", [...results.map(sectionOf), ...sections]));
}

function sectionOf(result: BenchResult): string {
  const { reference, image, link, runs, modes, limitSeconds } = result;
  const limit = limitSeconds === undefined ? "" : `; the dashed line is the limit, ${duration(limitSeconds)}`;
  const ready = modes.map((mode) => {
    const { median, min, max } = mode.secondsToReady;
    return { ...kindOf(mode), value: median, min, max };
  });
  return `<h2>${escapeText(reference)}</h2>
<p>Image ${bytes(image.sizeBytes)} in ${image.layers} layers; artifact ${bytes(image.artifactBytes)}.
Link ${link.bitsPerSecond / 1e6} Mbit/s, round trip ${link.roundTripSeconds * 1000} ms. Medians of ${runs} ${runs === 1 ? "run" : "runs"}; whiskers show the spread${limit}.</p>
<h3>Time to ready</h3>
${barPlot({ label: "Seconds to ready, a bar a mode", bars: ready, format: duration, limit: limitSeconds })}
${transferPlot(modes)}
${latencyPlot(modes)}
<table>
<tr><th>mode</th><th>ready</th><th>min</th><th>max</th><th>fetched</th><th>of image</th><th>requests</th><th>FUSE requests</th></tr>
${modes.map(rowOf).join("\n")}
</table>`;
}

const kindOf = ({ mode }: ModeResult): Kind => ({ name: mode, kind: benchModes.indexOf(mode) });

/** Nothing where nothing came over the link. */
function transferPlot(modes: readonly ModeResult[]): string {
  const curves = modes.flatMap((mode): Curve[] => {
    const points = mode.bytesOverTime.map(({ seconds, bytes }) => [seconds, bytes] as const);
    return points.some(([, bytes]) => bytes > 0) ? [{ ...kindOf(mode), points }] : [];
  });
  if (curves.length === 0) return "";
  return `<h3>Bytes over time</h3>
<p>What had come over the link by then, until the container was ready; of the run in the middle of each mode.</p>
${linePlot({
  label: "Bytes that came over the link by time, a line a mode",
  x: { label: "since the start", format: (seconds) => `${seconds} s` },
  y: { label: "over the link", format: (fetched) => `${fetched / 1e6} MB` },
  curves,
})}`;
}

/** Nothing where no read reached a daemon. */
function latencyPlot(modes: readonly ModeResult[]): string {
  const curves = modes.flatMap((mode): Curve[] => {
    const { readTimes } = mode;
    if (readTimes === undefined || readTimes.total === 0) return [];
    const points = readTimes.atMost.map(
      ({ seconds, reads }) => [seconds * 1e6, (reads / readTimes.total) * 100] as const,
    );
    return [{ ...kindOf(mode), points }];
  });
  if (curves.length === 0) return "";
  return `<h3>Latency of reads</h3>
<p>The share of the kernel's reads that the daemon had answered after so long, of all runs. What lies in the page cache asks nobody and is not among them.</p>
${linePlot({
  label: "Share of reads answered within a time, a line a mode",
  x: { label: "request to answer", format: latency, isLogarithmic: true },
  y: { label: "answered", format: (percent) => `${percent} %` },
  curves,
})}`;
}

const latency = (microseconds: number): string =>
  microseconds < 1000
    ? `${microseconds} µs`
    : microseconds < 1e6
      ? `${microseconds / 1000} ms`
      : `${microseconds / 1e6} s`;

function rowOf({ mode, secondsToReady, bytes: fetched, requests, shareOfImage, fuseRequests }: ModeResult): string {
  const cells = [
    mode,
    ...[secondsToReady.median, secondsToReady.min, secondsToReady.max].map(duration),
    bytes(fetched.median),
    `${(shareOfImage * 100).toFixed(1)} %`,
    requests.median,
    fuseRequests?.median ?? "",
  ];
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
}
