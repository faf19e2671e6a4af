import { describe, expect, it } from "vitest";
import { sampleBenchResult } from "../testing/bench-result.js";
import { benchTable } from "./bench-table.js";

describe("the table of a bench", () => {
  it("names image and link, and says how many times faster than the full pull each mode is", () => {
    const lines = benchTable(sampleBenchResult).split("\n");
    expect(lines[0]).toBe("127.0.0.1:5000/app:1");
    expect(lines.find((line) => line.startsWith("link"))).toBe("link 100 Mbit/s, round trip 20 ms; 3 runs, medians");
    const streamed = lines.find((line) => line.startsWith("streamed"));
    expect(streamed).toMatch(/4\.00 s\s+3\.50 s\s+4\.50 s\s+40\.0 MiB\s+10\.0 %\s+120\s+10\.0x/);
  });

  it("says what limit there is, and how near the starts come", () => {
    expect(benchTable(sampleBenchResult)).toMatch(/30\.0 MiB compressed; its startup blob is 1\.10 times that\n/);
    expect(benchTable(sampleBenchResult)).toMatch(/limit of this link and machine 2\.50 s: streamed 1\.60 times$/);
  });

  it("says nothing of faster when the full pull was not measured", () => {
    const modes = sampleBenchResult.modes.filter(({ mode }) => mode !== "full");
    expect(benchTable({ ...sampleBenchResult, modes, runs: 1 })).toMatch(/1 run, medians[^x]*streamed[^x]*$/s);
  });
});
