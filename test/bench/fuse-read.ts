/**
 * How fast hits are, beside the least that a Node process can do (raw-fuse-server.js), in the same run. Needs root.
 *
 *     node test/bench/run.js fuse-read [ROUNDS] [MEBIBYTES]
 *
 * Prints JSON: medians of both, and of the ratios of ours to the yardstick in each round (time for random reads, rate for the others).
 * Each takes turns in going first, so that neither always finds the caches as the other left them.
 */
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { isMountpoint, unmount } from "@sluice/snapshotter";
import { median, thisMachine } from "./figures.js";

const run = promisify(execFile);
const script = (name: string): string => new URL(name, import.meta.url).pathname;

interface Figures {
  /** Microseconds a read of 4 KiB. */
  random: number[];
  /** MB/s. */
  sequential: number[];
  fourReaders: number[];
}

export async function main([rounds = "9", mebibytes = "256"]: readonly string[]): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  const source = join(work, "source");
  await writeFile(source, randomBytes(Number(mebibytes) * 2 ** 20));
  const servers = { ours: await serveOurs(work, source), raw: await serveRaw(work, source) };
  const figures = { ours: emptyFigures(), raw: emptyFigures() };
  try {
    for (let round = 0; round < Number(rounds); round++) {
      const order = round % 2 === 0 ? (["raw", "ours"] as const) : (["ours", "raw"] as const);
      for (const name of order) await measure(servers[name].file, figures[name]);
    }
  } finally {
    await servers.ours.stop();
    await servers.raw.stop();
    await rm(work, { recursive: true, force: true });
  }
  console.log(JSON.stringify({ bench: "fuse-read", ...(await thisMachine()), ...report(figures) }, null, 2));
}

const emptyFigures = (): Figures => ({ random: [], sequential: [], fourReaders: [] });

function report(figures: { readonly ours: Figures; readonly raw: Figures }): Record<string, unknown> {
  const of = (name: "ours" | "raw", figure: keyof Figures): number =>
    Math.round(median(figures[name][figure]) * 10) / 10;
  const ratios = (figure: keyof Figures): number[] =>
    figures.ours[figure].map((ours, round) => ours / (figures.raw[figure][round] ?? Number.NaN));
  const pair = (figure: keyof Figures): Record<string, number> => ({
    ours: of("ours", figure),
    raw: of("raw", figure),
    ratio: Math.round(median(ratios(figure)) * 100) / 100,
  });
  return {
    randomMicroseconds: pair("random"),
    sequentialMegabytesPerSecond: pair("sequential"),
    fourReadersMegabytesPerSecond: pair("fourReaders"),
  };
}

interface Server {
  readonly file: string;
  stop(): Promise<void>;
}

/** The real thing, in a process of its own like the yardstick: a bench that forks beside it would stop it each time. */
const serveOurs = async (work: string, source: string): Promise<Server> => {
  const directory = join(work, "ours");
  await mkdir(directory);
  const file = join(directory, "file");
  return await serve(file, [script("run.js"), "fuse-read-server", source, join(work, "store"), directory]);
};

/** The least that a Node process can do. */
const serveRaw = async (work: string, source: string): Promise<Server> => {
  const directory = join(work, "raw");
  await mkdir(directory);
  return await serve(join(directory, "file"), [script("raw-fuse-server.js"), source, directory, "2"]);
};

/** Starts a program that says when it is ready and ends when its mount is taken away. */
async function serve(file: string, command: readonly string[]): Promise<Server> {
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] });
  await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
  if (child.exitCode !== null) throw new Error(`${command.join(" ")} ended with ${child.exitCode}`);
  return {
    file,
    stop: async () => {
      const directory = dirname(file);
      if (await isMountpoint(directory)) await unmount(directory, { lazy: true });
      if (child.exitCode === null) await once(child, "exit");
    },
  };
}

async function measure(file: string, figures: Figures): Promise<void> {
  const [random] = await read(file, "random", 1);
  if (random) figures.random.push((random.seconds / random.reads) * 1e6);
  const sequential = await read(file, "sequential", 1);
  figures.sequential.push(rateOf(sequential));
  figures.fourReaders.push(rateOf(await read(file, "sequential", 4)));
}

interface ReaderResult {
  readonly seconds: number;
  readonly bytes: number;
  readonly reads: number;
}

const rateOf = (results: readonly ReaderResult[]): number =>
  results.reduce((sum, { bytes }) => sum + bytes, 0) / Math.max(...results.map(({ seconds }) => seconds)) / 1e6;

/** From a page cache that knows nothing of the file. */
async function read(file: string, mode: string, readers: number): Promise<ReaderResult[]> {
  await run("dd", [`if=${file}`, "iflag=nocache", "count=0"]);
  return await Promise.all(
    Array.from({ length: readers }, async (_, reader) => {
      const { stdout } = await run(process.execPath, [script("fuse-reader.js"), file, mode, `${reader}`, `${readers}`]);
      return JSON.parse(stdout) as ReaderResult; // what fuse-reader.js prints
    }),
  );
}
