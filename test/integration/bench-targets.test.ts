import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Micro } from "../bench/micro-tables.js";

const script = new URL("../bench/run.js", import.meta.url).pathname;
const machine = { commit: "c", machine: {} };

/** Ours is just as good as wanted, in the median of three rounds of which one met a busy machine. */
const micro: Micro = {
  entries: 70_000,
  files: 50_000,
  walks: {
    "complete read with tar, cold": { sluice: [2, 9, 3], overlay: [2, 4, 3] },
    "complete read with tar, hot": { sluice: [1, 1, 1], overlay: [1, 1, 1] },
    "find, cold": { sluice: [1, 5, 2], overlay: [2, 4, 4] },
  },
  reads: {
    "random 4 KiB µs, readers 1, hits": { sluice: [50, 99, 40], erofs: [30, 30, 20] },
    "sequential MB/s, readers 4, hits": { sluice: [2400, 100, 4000] },
    "sequential MB/s, readers 4, hot": { ext4: [3000, 3000, 9000] },
  },
};

/** Starts through containerd that take so long, of an image that `sluice run` starts in two seconds. */
const startedIn = (seconds: number, sizeBytes = 300e6) => {
  const ours = { "ready s": seconds, "pull s": 1, "pull of nothing s": 0.2 };
  const overlayfs = { "ready s": 12, "pull s": 11, "pull of nothing s": 0.2 };
  const run = { "ready s": 2 };
  const through = { "1.6.20": { overlayfs, sluice: ours, "optimized sluice": ours } };
  return { image: { sizeBytes }, run, "optimized run": run, through };
};
/** Two seconds of them are the link's. */
const together = (seconds: number) => ({
  pods: 50,
  through: { "1.6.20": { "one s": 1, "all s": seconds, "fetched MB": 25, "link s": 2, "all unpacked s": 3 } },
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-targets-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function bench(name: string, files: Readonly<Record<string, unknown>>) {
  const directory = await mkdtemp(join(folder, "figures-"));
  for (const [file, content] of Object.entries(files)) {
    await writeFile(join(directory, `${file}.json`), JSON.stringify({ ...machine, ...(content as object) }));
  }
  const ended = await promisify(execFile)(process.execPath, [script, name, directory]).then(
    ({ stdout }) => ({ code: 0, stdout, stderr: "" }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
  return { directory, ...ended };
}

describe("the targets of the bench", () => {
  it("hold what is as good as wanted, round by round, whatever one round says", async () => {
    const { code, stdout } = await bench("targets", { micro });
    expect(stdout).toMatch(/held +run phase: complete read cold, times that of overlay: 1, at most 1\n/);
    expect(stdout).toMatch(/held +run phase: random hits of 4 KiB, µs beyond EROFS on a local file: 20, at most 20\n/);
    expect(stdout).toMatch(/\n6 held, 0 missed\n$/);
    expect(code).toBe(0);
  });

  it("miss each line that is worse, and say so with their exit code", async () => {
    const worse: Micro = {
      ...{ entries: 70_000, files: 49_999 },
      walks: {
        "complete read with tar, cold": { sluice: [2.1], overlay: [2] },
        "complete read with tar, hot": { sluice: [1.1], overlay: [1] },
        "find, cold": { sluice: [1], overlay: [1.9] },
      },
      reads: {
        "random 4 KiB µs, readers 1, hits": { sluice: [51], erofs: [30] },
        "sequential MB/s, readers 4, hits": { sluice: [3900] },
        "sequential MB/s, readers 4, hot": { ext4: [9000] },
      },
    };
    const { code, stdout } = await bench("targets", { micro: worse });
    expect(stdout.match(/^MISSED /gm)).toHaveLength(6);
    expect(stdout).toMatch(/\n0 held, 6 missed\n$/);
    expect(code).toBe(1);
  });

  it("hold a start through containerd against that of run and containerd's own pull, and large images against overlayfs", async () => {
    const around = { link: { rate: "100mbit", rtt: "20ms" } };
    const { stdout, code } = await bench("targets", {
      "containerd-good": { ...around, images: { good: startedIn(2.4) } },
      "containerd-slow": { ...around, images: { slow: startedIn(2.42) } },
      "containerd-small": { ...around, images: { small: startedIn(2.42, 299e6) } },
    });
    expect(stdout).toMatch(/held +good through containerd 1\.6\.20, time to ready .* of run: 1\.1, at most 1\.1\n/);
    expect(stdout).toMatch(/held +good through containerd 1\.6\.20, times faster than overlayfs: 5, at least 5\n/);
    expect(stdout.match(/^MISSED slow through/gm)).toHaveLength(4);
    expect(stdout.match(/^MISSED small through/gm)).toHaveLength(2);
    expect(stdout).toMatch(/\n4 held, 6 missed\n$/);
    expect(code).toBe(1);
  });

  it("hold pods that start together against one alone and the link's time for their bytes", async () => {
    expect((await bench("targets", { "many-pods": together(3.3) })).stdout).toMatch(
      /held +50 pods together .*: 1\.3, at most 1\.3\n1 held, 0 missed\n$/,
    );
    const slow = await bench("targets", { "many-pods": together(3.32) });
    expect(slow.stdout).toMatch(/MISSED 50 pods together .*: 1\.32, at most 1\.3\n/);
    expect(slow.code).toBe(1);
  });

  it("refuse figures that miss what a line compares, and a folder without any", async () => {
    const { "find, cold": _unmeasured, ...walks } = micro.walks;
    const missing = await bench("targets", { micro: { ...micro, walks } });
    expect(missing.stderr).toMatch(/micro\.json has no rounds of overlay: find, cold/);
    expect((await bench("targets", {})).stderr).toMatch(/has no figures: make them with node test\/bench\/run\.js all/);
  });

  it("refuse starts of different commits, which are no table", async () => {
    const part = { link: { rate: "100mbit", rtt: "20ms" }, images: {} };
    const { stderr } = await bench("targets", { "start-a": part, "start-b": { ...part, commit: "d" } });
    expect(stderr).toMatch(/start-a, start-b come from different commits or links; measure them again/);
  });
});

it("the report of the bench is one page with a plot of each figure of the run phase", async () => {
  const { directory, stderr } = await bench("report", { micro });
  expect(stderr).toBe("");
  const html = await readFile(join(directory, "report.html"), "utf8");
  expect(html.match(/<svg /g)).toHaveLength(6);
});
