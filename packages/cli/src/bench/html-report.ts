import { writeFile } from "node:fs/promises";
import { bytes, duration } from "../output/quantities.js";
import type { BenchResult, ModeResult } from "./bench-result.js";

/** One self-contained page: a bar and a row per mode. */
export async function writeHtmlReport(path: string, result: BenchResult): Promise<void> {
  await writeFile(path, htmlReport(result));
}

function htmlReport(result: BenchResult): string {
  const { image, link, modes, limitSeconds } = result;
  const longest = Math.max(...modes.map(({ secondsToReady }) => secondsToReady.max));
  const title = `Time to ready: ${escapeHtml(result.reference)}`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 50rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.3rem; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid #8884 }
th:first-child, td:first-child { text-align: left }
rect.bar { fill: #2a7de1 } line { stroke: currentColor } line.limit { stroke-dasharray: 4 } text { fill: currentColor; font-size: 14px }
</style>
<h1>${title}</h1>
<p>Image ${bytes(image.sizeBytes)} in ${image.layers} layers; artifact ${bytes(image.artifactBytes)}.
Link ${link.bitsPerSecond / 1e6} Mbit/s, round trip ${link.roundTripSeconds * 1000} ms. ${result.runs} runs, medians; whiskers show the spread${limitSeconds === undefined ? "" : `; the dashed line is the limit, ${duration(limitSeconds)}`}.</p>
<svg viewBox="0 0 640 ${modes.length * 44}" role="img" aria-label="Seconds to ready per mode">
${modes.map((mode, i) => barOf(mode, i, longest)).join("\n")}
${limitLine(result, longest)}
</svg>
<table>
<tr><th>mode<th>ready<th>min<th>max<th>fetched<th>of image<th>requests<th>FUSE requests</tr>
${modes.map(rowOf).join("\n")}
</table>
</html>
`;
}

/** Dashed, through all bars: no start can end left of it. */
function limitLine({ limitSeconds, modes }: BenchResult, longest: number): string {
  if (limitSeconds === undefined) return "";
  const x = (90 + (Math.min(limitSeconds, longest) / longest) * 440).toFixed(1);
  return `<line class="limit" x1="${x}" x2="${x}" y1="0" y2="${modes.length * 44}"><title>limit: ${duration(limitSeconds)}</title></line>`;
}

function barOf({ mode, secondsToReady }: ModeResult, i: number, longest: number): string {
  const x = (seconds: number): string => (90 + (seconds / longest) * 440).toFixed(1);
  const y = i * 44;
  const width = (Number(x(secondsToReady.median)) - 90).toFixed(1);
  return `<text x="0" y="${y + 25}">${mode}</text><rect class="bar" x="90" y="${y + 8}" width="${width}" height="26"/>
<line x1="${x(secondsToReady.min)}" x2="${x(secondsToReady.max)}" y1="${y + 21}" y2="${y + 21}"/><text x="${Number(x(secondsToReady.max)) + 8}" y="${y + 26}">${duration(secondsToReady.median)}</text>`;
}

function rowOf({ mode, secondsToReady, bytes: fetched, requests, shareOfImage, fuseRequests }: ModeResult): string {
  const cells = [
    mode,
    ...[secondsToReady.median, secondsToReady.min, secondsToReady.max].map(duration),
    bytes(fetched.median),
    `${(shareOfImage * 100).toFixed(1)} %`,
    requests.median,
    fuseRequests?.median ?? "",
  ];
  return `<tr>${cells.map((cell) => `<td>${cell}`).join("")}</tr>`;
}

const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
