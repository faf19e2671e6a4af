import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ImagePlace } from "@sluice/converter";
import { type DaemonClient, stopDaemon } from "@sluice/snapshotter/client";
import type { Logger } from "pino";
import { type BenchResult, type NodeFacts, resultOf, type Sample } from "./bench-result.js";
import { type Start, startStreamed, startUnpacked, type Unpacked, unpack } from "./containers.js";
import type { BenchMode } from "./modes.js";
import { readTimesIn, readTimesSince } from "./read-times.js";
import { type RecordedImage, recordImage } from "./recorded-image.js";
import type { LinkShape } from "./shaped-link.js";
import { type Stage, type StagedImage, setStage } from "./stage.js";
import { Transfer } from "./transfer.js";

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
    const { modes } = request;
    const recorded = modes.includes("optimized") ? await record(stage, dir, request, around) : undefined;
    const samples = new Map<BenchMode, Sample[]>(modes.map((mode) => [mode, []]));
    for (let run = 1; run <= request.runs; run++) {
      const add: AddSample = async (mode, start, client) => {
        if (!modes.includes(mode)) return;
        around.onStep(`${mode}, run ${run} of ${request.runs}`);
        samples.get(mode)?.push(await measured(stage, request, start, client));
      };
      if (modes.includes("full") || modes.includes("overlay")) {
        await inFolder(join(dir, `unpacked-${run}`), (folder) => onUnpacked(stage, folder, request, add));
      }
      const isWarmRecorded = recorded !== undefined;
      if (modes.includes("streamed") || (modes.includes("warm") && !isWarmRecorded)) {
        const node = { image: stage.image, mode: "streamed", withWarm: !isWarmRecorded } as const;
        await inFolder(join(dir, `node-${run}`), (root) => onNode(node, root, request, around, add));
      }
      if (recorded) {
        const node = { image: recorded, mode: "optimized", withWarm: true } as const;
        await inFolder(join(dir, `recorded-${run}`), (root) => onNode(node, root, request, around, add));
      }
    }
    return resultOf(request, stage, samples, recorded);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** On a node of its own, past the link. */
async function record(
  stage: Stage,
  dir: string,
  request: BenchRequest,
  around: BenchSurroundings,
): Promise<RecordedImage> {
  around.onStep("recording starts");
  return await inFolder(join(dir, "recorder"), async (root) => {
    const client = await around.daemonOf(root);
    try {
      return await recordImage(stage, { ...request, root, client });
    } finally {
      await stopDaemon(client, { busy: "detach", keepMounts: false });
    }
  });
}

type StartOnce = (start: Start) => Promise<number>;
type AddSample = (mode: BenchMode, start: StartOnce, client?: DaemonClient) => Promise<void>;

/** Call before the start, and what it returns after it. */
async function nodeFacts(client: DaemonClient): Promise<() => Promise<NodeFacts>> {
  const before = await client.status();
  const timesBefore = readTimesIn(await client.metrics());
  return async () => {
    const { fetch, fuse } = await client.status();
    const bytes = fetch.bytes - before.fetch.bytes;
    return {
      ...(bytes > fetch.unreadBytes && { overfetch: bytes / (bytes - fetch.unreadBytes) }),
      fuseRequests: fuse.requests - before.fuse.requests,
      readTimes: readTimesSince(timesBefore, readTimesIn(await client.metrics())),
    };
  };
}

/** A pull in full, and a start from what it left unpacked. */
async function onUnpacked(stage: Stage, dir: string, request: BenchRequest, add: AddSample): Promise<void> {
  let unpacked: Promise<Unpacked> | undefined;
  const unpackOnce = (signal?: AbortSignal): Promise<Unpacked> => {
    unpacked ??= unpack(stage, dir, { signal });
    return unpacked;
  };
  await add("full", (start) => startUnpacked(unpackOnce, join(dir, "first"), start));
  if (!request.modes.includes("overlay")) return;
  await unpackOnce(request.signal);
  await add("overlay", (start) => startUnpacked(unpackOnce, join(dir, "second"), start));
}

interface BenchedNode {
  readonly image: StagedImage;
  /** Of the first start. */
  readonly mode: BenchMode;
  /** Whether the second one counts as `warm`. */
  readonly withWarm: boolean;
}

async function onNode(
  { image, mode, withWarm }: BenchedNode,
  root: string,
  request: BenchRequest,
  around: BenchSurroundings,
  add: AddSample,
): Promise<void> {
  const client = await around.daemonOf(root);
  const startOnce: StartOnce = (start) => startStreamed(image, root, client, start);
  try {
    if (request.modes.includes(mode)) await add(mode, startOnce, client);
    else await startOnce(request);
    if (withWarm) await add("warm", startOnce, client);
  } finally {
    await stopDaemon(client, { busy: "detach", keepMounts: false });
  }
}

/** What a start needed until it was ready; what comes while the container is ended is not the start's. */
async function measured(stage: Stage, request: Start, start: StartOnce, client?: DaemonClient): Promise<Sample> {
  await dropCaches();
  const facts = client && (await nodeFacts(client));
  const before = { bytes: stage.link.bytesToNode(), requests: await stage.requests() };
  let taken: Omit<Sample, "seconds"> | undefined;
  using transfer = new Transfer(() => stage.link.bytesToNode());
  const onReady = async (): Promise<void> => {
    const bytesOverTime = transfer.end();
    const bytes = stage.link.bytesToNode() - before.bytes;
    const requests = (await stage.requests()) - before.requests;
    taken = { bytes, requests, bytesOverTime, ...(await facts?.()) };
  };
  const seconds = await start({ ...request, onReady });
  if (taken === undefined) throw new TypeError("the start was ready, and nobody was told");
  return { seconds, ...taken };
}

/** The files of earlier runs leave the page cache (proc(5), drop_caches). */
async function dropCaches(): Promise<void> {
  await promisify(execFile)("sync");
  await writeFile("/proc/sys/vm/drop_caches", "3");
}

async function inFolder<T>(folder: string, work: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(folder);
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
