/**
 * One page for a browser of what `all` left in a directory: the starts, and the run phase.
 *
 *     node test/bench/run.js report [DIRECTORY]
 *
 * Writes DIRECTORY/report.html, which loads nothing from elsewhere.
 */
import { join } from "node:path";
import { type BenchResult, barPlot, spreadOf, writeHtmlReport } from "sluice/bench";
import { rounded } from "./figures.js";
import type { Micro, MicroFigures } from "./micro-tables.js";
import { readImageParts, readPart } from "./parts.js";

export async function main([directory = ".bench"]: readonly string[]): Promise<void> {
  const start = await readImageParts<{ readonly result: BenchResult }>(directory, "start");
  const micro = await readPart<Micro>(directory, "micro");
  const results = Object.values(start?.images ?? {}).map(({ result }) => result);
  if (results.length === 0 && micro === undefined) {
    throw new Error(`${directory} has no figures: make them with node test/bench/run.js all ${directory}`);
  }
  await writeHtmlReport(join(directory, "report.html"), results, micro ? [runPhase(micro)] : []);
}

const runPhase = ({ walks, reads }: Micro): string =>
  ["<h2>Run phase</h2>", ...plotsOf(walks, (seconds) => `${rounded(seconds)} s`), ...plotsOf(reads, String)].join("\n");

const plotsOf = (figures: MicroFigures, format: (value: number) => string): string[] =>
  Object.entries(figures).map(([what, by]) => {
    const bars = Object.entries(by).map(([name, rounds], kind) => {
      const { median: value, min, max } = spreadOf(rounds);
      return { name, kind, value, min, max };
    });
    return `<h3>${what}</h3>\n${barPlot({ label: `${what}, a bar a place`, bars, format })}`;
  });
