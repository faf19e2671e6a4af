/**
 * How fast hits are, beside the least that a Node process can do (raw-fuse-server.js), in the same run. Needs root.
 *
 *     node test/bench/run.js fuse-read [ROUNDS] [MEBIBYTES]
 *
 * Prints JSON: medians of both, and of the ratios of ours to the yardstick in each round (time for random reads, rate for the others).
 * Each takes turns in going first, so that neither always finds the caches as the other left them.
 */
import { execFile, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { digestOfHash } from "@sluice/oci";
import { FuseSession, isMountpoint, type MountableDisk, unmount } from "@sluice/snapshotter";
import { type ChunkStore, openChunkStore, verifyChunk } from "@sluice/store";
import { median, thisMachine } from "./figures.js";

const run = promisify(execFile);
const script = (name: string): string => new URL(name, import.meta.url).pathname;
const chunkBlocks = 64;

interface Figures {
  /** Microseconds a read of 4 KiB. */
  random: number[];
  /** MB/s. */
  sequential: number[];
  fourReaders: number[];
}

export async function main([rounds = "9", mebibytes = "256"]: readonly string[]): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  const content = randomBytes(Number(mebibytes) * 2 ** 20);
  const source = join(work, "source");
  await writeFile(source, content);
  const servers = { ours: await serveOurs(work, content), raw: await serveRaw(work, source) };
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

/** The real thing: a session over a chunk store. */
async function serveOurs(work: string, content: Buffer): Promise<Server> {
  const chunks = await openChunkStore({ folder: join(work, "store"), budgetBytes: content.length * 2 });
  const disk = await fill(chunks, content);
  const session = await FuseSession.open({
    mountpoint: join(work, "ours"),
    chunks,
    readMiss: () => Promise.reject(new Error("a bench of hits has missed")),
    onEvent: (event) => console.error(event),
  });
  const file = session.addDisk({ name: "file", sizeBytes: content.length, ...disk });
  return {
    file: session.pathOf(file),
    stop: async () => {
      await session.close({ force: true });
      await chunks.close();
    },
  };
}

async function fill(
  chunks: ChunkStore,
  content: Buffer,
): Promise<Pick<MountableDisk, "startBlock" | "blocks" | "slots" | "offsetInChunk">> {
  const count = Math.ceil(content.length / (chunkBlocks * 4096));
  const piece = (row: number): Buffer => content.subarray(row * chunkBlocks * 4096, (row + 1) * chunkBlocks * 4096);
  const ids = Buffer.concat(
    Array.from({ length: count }, (_, row) => createHash("sha256").update(piece(row)).digest()),
  );
  for (let row = 0; row < count; row++) {
    await chunks.put(verifyChunk(digestOfHash(ids.subarray(row * 32, row * 32 + 32)), piece(row)));
  }
  const blocks = Uint32Array.from({ length: count }, (_, row) => piece(row).length / 4096);
  const { slots } = await chunks.bind(
    ids,
    blocks.map((each) => each * 4096),
  );
  const startBlock = Uint32Array.from({ length: count }, (_, row) => row * chunkBlocks);
  return { startBlock, blocks, slots, offsetInChunk: new Uint32Array(count) };
}

async function serveRaw(work: string, source: string): Promise<Server> {
  const directory = join(work, "raw");
  await mkdir(directory);
  const child = spawn(process.execPath, [script("raw-fuse-server.js"), source, directory, "2"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return {
    file: join(directory, "file"),
    stop: async () => {
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
