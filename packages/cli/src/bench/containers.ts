import { randomUUID } from "node:crypto";
import { mkdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { type AbortOptions, RegistryClient, readBounded } from "@sluice/oci";
import { mountOverlay, unmount } from "@sluice/snapshotter";
import { type DaemonClient, runImage, runOnRoot } from "@sluice/snapshotter/client";
import { pullAndUnpack } from "./full-pull.js";
import { NotReadyError, type ReadyCondition, ReadyWatch } from "./ready.js";
import type { Stage, StagedImage } from "./stage.js";

/** What every start of a run of the bench has in common. */
export interface Start extends AbortOptions {
  readonly command: readonly string[];
  readonly ready: ReadyCondition;
  readonly timeoutMs: number;
  /** Called when the container is ready; it goes on until the promise has settled. */
  readonly onReady?: (() => Promise<void>) | undefined;
}

/** Starts the image on the lazy mount of a node's daemon. @returns seconds from the request to ready */
export async function startStreamed(
  image: StagedImage,
  root: string,
  client: DaemonClient,
  start: Start,
): Promise<number> {
  return timeToReady(start, (signal, onOutput) =>
    runImage(
      { image: { reference: image.reference }, driver: "auto", ...processOf(start) },
      { root, client, signal, onOutput },
    ),
  );
}

/** An image that lies unpacked on this machine. */
export interface Unpacked {
  /** Of an overlay, the top layer first. */
  readonly lower: readonly string[];
  readonly imageConfig: string;
}

/** Pulls and unpacks the whole image into `dir`. */
export async function unpack(stage: Stage, dir: string, options?: AbortOptions): Promise<Unpacked> {
  await using registry = new RegistryClient();
  const from = registry.repository(stage.host, stage.repository);
  const manifest = await from.getManifest("latest", options);
  if (manifest.kind !== "image" || manifest.config === undefined)
    throw new TypeError(`${stage.image.reference}: no image`);
  const config = readBounded(from.readBlob(manifest.config, options), manifest.config.size, "image config");
  const lower = await pullAndUnpack(from, manifest, dir, options);
  return { lower, imageConfig: Buffer.from(await config).toString() };
}

/** Starts what `unpacked` gives on an overlay with nothing written to it. @returns seconds from the request to ready */
export async function startUnpacked(
  unpacked: (signal: AbortSignal) => Promise<Unpacked>,
  dir: string,
  start: Start,
): Promise<number> {
  for (const folder of ["upper", "work", "rootfs", "bundle"]) await mkdir(join(dir, folder), { recursive: true });
  const rootfs = await realpath(join(dir, "rootfs"));
  try {
    return await timeToReady(start, async (signal, onOutput) => {
      const { lower, imageConfig } = await unpacked(signal);
      await mountOverlay({ lower: [...lower], upper: join(dir, "upper"), work: join(dir, "work"), target: rootfs });
      const prepared = {
        id: randomUUID(),
        rootfs,
        bundle: join(dir, "bundle"),
        imageConfig,
        stateFolder: join(dir, "runc"),
      };
      return runOnRoot(processOf(start), prepared, { signal, onOutput });
    });
  } finally {
    await unmount(rootfs, { lazy: true }).catch(() => undefined); // not mounted when it failed before
  }
}

const processOf = (start: Start) =>
  ({ net: "host", process: { command: start.command, env: [] }, volumes: [] }) as const;

type RunContainer = (signal: AbortSignal, onOutput: (stream: string, bytes: Buffer) => void) => Promise<number>;

/** Runs a container until it is ready, takes the time, and ends it. */
async function timeToReady(start: Start, run: RunContainer): Promise<number> {
  const stop = new AbortController();
  const signal = start.signal ? AbortSignal.any([start.signal, stop.signal]) : stop.signal;
  const watch = new ReadyWatch(start.ready, signal);
  const startedAtMs = performance.now();
  const running = run(signal, (_stream, bytes) => watch.output(bytes)).then((status) => {
    if (!watch.ended(status))
      throw new NotReadyError(`the container ended with ${status} before it was ready: ${watch.tail}`);
  });
  const timeout = new Promise<never>((_, reject) => {
    const tooLate = (): void =>
      reject(
        new NotReadyError(`not ready after ${start.timeoutMs / 1000} s; its last output: ${watch.tail || "none"}`),
      );
    const timer = setTimeout(tooLate, start.timeoutMs);
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  });
  try {
    await Promise.race([watch.ready, running.then(() => watch.ready), timeout]);
    const seconds = (performance.now() - startedAtMs) / 1000;
    await start.onReady?.();
    return seconds;
  } finally {
    stop.abort();
    await running.catch(() => undefined); // told by the race, or ended by the line above
  }
}
