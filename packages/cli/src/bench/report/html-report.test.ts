import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DOMParser, type Element } from "@xmldom/xmldom";
import { describe, expect, it } from "vitest";
import { sampleBenchResult } from "../../testing/bench-result.js";
import type { BenchResult } from "../bench-result.js";
import { writeHtmlReport } from "./html-report.js";

async function htmlOf(...results: readonly BenchResult[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-report-"));
  try {
    await writeHtmlReport(join(folder, "report.html"), results, ["<p>of the caller</p>"]);
    return await readFile(join(folder, "report.html"), "utf8");
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The plots, read by a parser that takes nothing that is not well-formed. */
async function plotsOf(...results: readonly BenchResult[]): Promise<Element[]> {
  const onError = (level: string, message: string): never => {
    throw new Error(`${level}: ${message}`);
  };
  const drawn = (await htmlOf(...results)).match(/<svg.*?<\/svg>/gs) ?? [];
  return drawn.map((svg) => {
    const root = new DOMParser({ onError }).parseFromString(svg, "image/svg+xml").documentElement;
    if (root === null) throw new Error("a plot without a root");
    return root;
  });
}

const numbersOf = (element: Element, ...names: readonly string[]): number[] =>
  names.map((name) => Number(element.getAttribute(name)));
const allOf = (plot: Element, tag: string, ofClass: string): Element[] =>
  [...plot.getElementsByTagName(tag)].filter((element) => element.getAttribute("class")?.split(" ").includes(ofClass));
const only = <T>(all: readonly T[]): T => {
  const [one] = all;
  if (one === undefined || all.length > 1) throw new Error(`expected one, found ${all.length}`);
  return one;
};
/** Corners of a path of M, H and V. */
function cornersOf(path: Element): { readonly x: number; readonly y: number }[] {
  const [, x, y, rest] = /^M([\d.]+),([\d.]+)((?:H[\d.]+V[\d.]+)*)$/.exec(path.getAttribute("d") ?? "") ?? [];
  const later = [...(rest ?? "").matchAll(/H([\d.]+)V([\d.]+)/g)];
  return [[x, y], ...later.map(([, px, py]) => [px, py])].map(([px, py]) => ({ x: Number(px), y: Number(py) }));
}

/** The scale that the ticks of the lower axis tell: two of them fix it. */
function tickAt(plot: Element, label: string): number {
  return Number(
    only([...plot.getElementsByTagName("text")].filter((text) => text.textContent === label)).getAttribute("x"),
  );
}

describe("the report of a bench for a browser", () => {
  it("has a bar a mode from zero, as long as its time says, with a whisker to the longest", async () => {
    const [ready] = await plotsOf({ ...sampleBenchResult, limitSeconds: 2 });
    if (ready === undefined) throw new Error("no plot");
    const [zero, ten] = [tickAt(ready, "0.00 s"), tickAt(ready, "10.0 s")];
    const bars = allOf(ready, "rect", "bar").map((bar) => numbersOf(bar, "x", "width"));
    expect(bars.map(([x]) => x)).toEqual([zero, zero]);
    for (const [i, seconds] of [40, 4].entries()) expect(bars[i]?.[1]).toBeCloseTo((seconds * (ten - zero)) / 10, 0);
    const whiskers = allOf(ready, "line", "whisker").map((whisker) => numbersOf(whisker, "x1", "x2"));
    expect(whiskers[0]?.[0]).toBeCloseTo(zero + 3.9 * (ten - zero), 0);
    expect(whiskers[0]?.[1]).toBeCloseTo(zero + 4.4 * (ten - zero), 0);
    expect(numbersOf(only(allOf(ready, "line", "limit")), "x1")[0]).toBeCloseTo(zero + 0.2 * (ten - zero), 0);
  });

  it("draws no limit where there is none", async () => {
    const [ready] = await plotsOf({ ...sampleBenchResult, limitSeconds: undefined });
    expect(ready && allOf(ready, "line", "limit")).toEqual([]);
  });

  it("draws the bytes of each mode as they came, each in the colour of its bar", async () => {
    const [ready, transfer] = await plotsOf(sampleBenchResult);
    if (ready === undefined || transfer === undefined) throw new Error("no plot");
    const kindsIn = (plot: Element, tag: string, of: string) =>
      allOf(plot, tag, of).map((element) => element.getAttribute("class")?.split(" ")[1]);
    expect(kindsIn(transfer, "path", "curve")).toEqual(kindsIn(ready, "rect", "bar"));
    const [full, streamed] = allOf(transfer, "path", "curve").map(cornersOf);
    const [zero, ten] = [tickAt(transfer, "0 s"), tickAt(transfer, "10 s")];
    expect(full?.map(({ x }) => Math.round(((x - zero) / (ten - zero)) * 10))).toEqual([0, 20, 40]);
    expect(streamed?.at(-1)?.x).toBeCloseTo(zero + 0.4 * (ten - zero), 0);
    const risen = (corners: typeof full) => (corners?.at(0)?.y ?? 0) - (corners?.at(-1)?.y ?? 0);
    expect(risen(full) / risen(streamed)).toBeCloseTo(10, 0);
  });

  it("draws the share of reads answered by time, of modes whose reads reach a daemon", async () => {
    const [, , latency] = await plotsOf(sampleBenchResult);
    if (latency === undefined) throw new Error("no plot");
    const corners = cornersOf(only(allOf(latency, "path", "curve")));
    const [ms1, ms10] = [tickAt(latency, "1 ms"), tickAt(latency, "10 ms")];
    expect(corners.at(-1)?.x).toBeCloseTo(ms1 + Math.log10(65) * (ms10 - ms1), 0);
    const [none, most, all] = corners.map(({ y }) => y) as [number, number, number]; // three points
    expect((none - most) / (none - all)).toBeCloseTo(0.8, 2);
  });

  it("leaves out plots of what nobody measured", async () => {
    const modes = sampleBenchResult.modes.map((mode) => ({ ...mode, bytesOverTime: [], readTimes: undefined }));
    expect(await plotsOf({ ...sampleBenchResult, modes })).toHaveLength(1);
  });

  it("draws nothing outside of its plots, whatever the figures", async () => {
    const tiny = sampleBenchResult.modes.map((mode) => ({ ...mode, secondsToReady: { median: 0, min: 0, max: 0 } }));
    for (const plot of await plotsOf(sampleBenchResult, {
      ...sampleBenchResult,
      modes: tiny,
      limitSeconds: undefined,
    })) {
      const [, , width, height] = (plot.getAttribute("viewBox") ?? "").split(" ").map(Number);
      const xs = [...plot.getElementsByTagName("*")].flatMap((element) => numbersOf(element, "x", "x1", "x2"));
      const ys = [...plot.getElementsByTagName("*")].flatMap((element) => numbersOf(element, "y", "y1", "y2"));
      const corners = allOf(plot, "path", "curve").flatMap(cornersOf);
      for (const x of [...xs, ...corners.map((corner) => corner.x)]) expect(x >= 0 && x <= Number(width)).toBe(true);
      for (const y of [...ys, ...corners.map((corner) => corner.y)]) expect(y >= 0 && y <= Number(height)).toBe(true);
    }
  });

  it("has a section a result, with a row a mode, and what the caller adds", async () => {
    const html = await htmlOf(sampleBenchResult, { ...sampleBenchResult, reference: "another" });
    expect(html.match(/<h2>[^<]*/g)).toEqual([`<h2>${sampleBenchResult.reference}`, "<h2>another"]);
    expect(html.match(/<tr><td>/g)).toHaveLength(4);
    expect(html).toContain("<p>of the caller</p>");
    expect(html).toContain("prefers-color-scheme: dark");
  });

  it("loads nothing from elsewhere, and lets no name become markup", async () => {
    const html = await htmlOf({ ...sampleBenchResult, reference: 'oci:./<script src="http://x">&' });
    expect(html).not.toContain("<script");
    expect(html).not.toMatch(/<[^>]*\b(src|href)=/);
    expect(html).not.toMatch(/@import|url\(/);
    expect(html).toContain("&#60;script src=&#34;http://x&#34;&#62;&#38;");
  });
});
