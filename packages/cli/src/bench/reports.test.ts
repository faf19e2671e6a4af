import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sampleBenchResult } from "../testing/bench-result.js";
import type { BenchResult } from "./bench-result.js";
import { benchTable } from "./bench-table.js";
import { writeHtmlReport } from "./html-report.js";

async function htmlOf(result: BenchResult): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-report-"));
  try {
    await writeHtmlReport(join(folder, "report.html"), result);
    return await readFile(join(folder, "report.html"), "utf8");
  } finally {
    await rm(folder, { recursive: true });
  }
}

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

describe("the report of a bench for a browser", () => {
  it("has a bar and a row per mode, the longest as long as its time", async () => {
    const html = await htmlOf(sampleBenchResult);
    expect(html.match(/<rect class="bar"/g)).toHaveLength(2);
    expect(html.match(/<tr><td>/g)).toHaveLength(2);
    expect(html).toContain('width="400.0"'); // 40 s of the 44 s that 440 units stand for
    expect(html).toContain('width="40.0"');
  });

  it("draws the limit through the bars when there is one", async () => {
    expect(await htmlOf({ ...sampleBenchResult, limitSeconds: undefined })).not.toContain('class="limit"');
    const html = await htmlOf({ ...sampleBenchResult, limitSeconds: 2.2 });
    expect(html).toContain('<line class="limit" x1="112.0" x2="112.0"'); // a twentieth of the 44 s that 440 units stand for
  });

  it("loads nothing from elsewhere, and lets no name become markup", async () => {
    const html = await htmlOf({ ...sampleBenchResult, reference: 'oci:./<script src="http://x">&' });
    expect(html).not.toContain("<script");
    expect(html).not.toMatch(/<[^>]*\b(src|href)=/);
    expect(html).toContain("&#60;script src=&#34;http://x&#34;&#62;&#38;");
  });
});
