import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ImagePlace } from "@sluice/converter";
import { type DaemonClient, stopDaemon } from "@sluice/snapshotter/client";
import type { Logger } from "pino";
import { type Start, startFull, startStreamed } from "./containers.js";
import type { BenchMode } from "./modes.js";
import type { LinkShape } from "./shaped-link.js";
import { type Stage, setStage } from "./stage.js";
import { type Spread, spreadOf } from "./statistics.js";

export interface BenchRequest extends Start {
  readonly image: ImagePlace;
  readonly modes: readonly BenchMode[];
  readonly runs: number;
  readonly shape: LinkShape;
}

export interface BenchSurroundings {
  /** Data root of the caller: its cache of converted layers is used. */
  readonly root: string;
  readonly log: Logger;
  /** Starts a daemon on a data root, or finds the one that runs. */
  readonly daemonOf: (root: string) => Promise<DaemonClient>;
  /** Told before each start. */
  readonly onStep: (step: string) => void;
}

export interface ModeResult {
  readonly mode: BenchMode;
  readonly secondsToReady: Spread;
  /** That came over the link, HTTP's own included. */
  readonly bytes: Spread;
  readonly requests: Spread;
  /** Of the compressed image, 0 to 1. */
  readonly shareOfImage: number;
  /** Compressed bytes of chunks fetched, as a multiple of those that were read. Only where chunks are fetched. */
  readonly overfetch?: Spread | undefined;
  /** Of the kernel to the daemon: what was neither in the page cache nor pushed there. Only where a daemon serves. */
  readonly fuseRequests?: Spread | undefined;
}

/** What `bench -o json` prints. */
export interface BenchResult {
  readonly reference: string;
  readonly link: { readonly bitsPerSecond: number; readonly roundTripSeconds: number };
  readonly image: { readonly sizeBytes: number; readonly artifactBytes: number; readonly layers: number };
  readonly runs: number;
  readonly modes: readonly ModeResult[];
}

interface Sample extends NodeFacts {
  readonly seconds: number;
  readonly bytes: number;
  readonly requests: number;
}

/** What a node's daemon counted during one start. */
interface NodeFacts {
  readonly overfetch?: number | undefined;
  readonly fuseRequests?: number | undefined;
}

/** Measures starts of one image, the modes in turn, each run on a node of its own with an empty store and cold page cache. */
export async function runBench(request: BenchRequest, around: BenchSurroundings): Promise<BenchResult> {
  const dir = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  try {
    around.onStep("registry and conversion");
    await using stage = await setStage(request.image, {
      dir: join(dir, "registry"),
      root: around.root,
      shape: request.shape,
      log: around.log,
      signal: request.signal,
    });
    const samples = new Map<BenchMode, Sample[]>(request.modes.map((mode) => [mode, []]));
    for (let run = 1; run <= request.runs; run++) {
      const add: AddSample = async (mode, start, client) => {
        around.onStep(`${mode}, run ${run} of ${request.runs}`);
        const facts = client && (await nodeFacts(client));
        const sample = await measured(stage, start);
        samples.get(mode)?.push({ ...sample, ...(await facts?.()) });
      };
      if (request.modes.includes("full")) {
        await inFolder(join(dir, `full-${run}`), (folder) => add("full", () => startFull(stage, folder, request)));
      }
      if (request.modes.includes("streamed") || request.modes.includes("warm")) {
        await inFolder(join(dir, `node-${run}`), (root) => onNode(stage, root, request, around, add));
      }
    }
    return resultOf(request, stage, samples);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

type AddSample = (mode: BenchMode, start: () => Promise<number>, client?: DaemonClient) => Promise<void>;

/** Call before the start, and what it returns after it. */
async function nodeFacts(client: DaemonClient): Promise<() => Promise<NodeFacts>> {
  const before = await client.status();
  return async () => {
    const { fetch, fuse } = await client.status();
    const bytes = fetch.bytes - before.fetch.bytes;
    return {
      ...(bytes > fetch.unreadBytes && { overfetch: bytes / (bytes - fetch.unreadBytes) }),
      fuseRequests: fuse.requests - before.fuse.requests,
    };
  };
}

async function onNode(
  stage: Stage,
  root: string,
  request: BenchRequest,
  around: BenchSurroundings,
  add: AddSample,
): Promise<void> {
  const client = await around.daemonOf(root);
  try {
    if (request.modes.includes("streamed")) {
      await add("streamed", () => startStreamed(stage, root, client, request), client);
    } else await startStreamed(stage, root, client, request);
    if (request.modes.includes("warm")) await add("warm", () => startStreamed(stage, root, client, request), client);
  } finally {
    await stopDaemon(client, { busy: "detach", keepMounts: false });
  }
}

async function measured(stage: Stage, start: () => Promise<number>): Promise<Sample> {
  await dropCaches();
  const before = { bytes: stage.link.bytesToNode(), requests: await stage.requests() };
  const seconds = await start();
  return {
    seconds,
    bytes: stage.link.bytesToNode() - before.bytes,
    requests: (await stage.requests()) - before.requests,
  };
}

/** The files of earlier runs leave the page cache (proc(5), drop_caches). */
async function dropCaches(): Promise<void> {
  await promisify(execFile)("sync");
  await writeFile("/proc/sys/vm/drop_caches", "3");
}

async function inFolder(folder: string, work: (folder: string) => Promise<void>): Promise<void> {
  await mkdir(folder);
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function resultOf(
  request: BenchRequest,
  stage: Stage,
  samples: ReadonlyMap<BenchMode, readonly Sample[]>,
): BenchResult {
  return {
    reference: request.image.reference,
    link: { bitsPerSecond: request.shape.bytesPerSecond * 8, roundTripSeconds: request.shape.roundTripMs / 1000 },
    image: { sizeBytes: stage.imageBytes, artifactBytes: stage.artifactBytes, layers: stage.manifest.layers.length },
    runs: request.runs,
    modes: [...samples].map(([mode, of]) => {
      const bytes = spreadOf(of.map((sample) => sample.bytes));
      return {
        mode,
        secondsToReady: spreadOf(of.map(({ seconds }) => seconds)),
        bytes,
        requests: spreadOf(of.map(({ requests }) => requests)),
        shareOfImage: bytes.median / stage.imageBytes,
        ...spreadIfAll("overfetch", of),
        ...spreadIfAll("fuseRequests", of),
      };
    }),
  };
}

/** Nothing unless every sample has it. */
function spreadIfAll<K extends keyof NodeFacts>(
  name: K,
  samples: readonly Sample[],
): { readonly [name in K]?: Spread } {
  const values = samples.map((sample) => sample[name]).filter((value) => value !== undefined);
  return values.length < samples.length ? {} : ({ [name]: spreadOf(values) } as { readonly [name in K]: Spread }); // one name, this one
}
