import { mkdir, realpath } from "node:fs/promises";
import type { Digest } from "@sluice/oci";
import type { NodeConfig } from "./config/node-config.js";
import type { StopRequest, StopResult } from "./control/api.js";
import { PullCredentials } from "./cri/pull-credentials.js";
import { collectCounts } from "./daemon-counts.js";
import {
  createBackground,
  createDrivers,
  createFetcher,
  createOffers,
  createRecordings,
  createRegistries,
} from "./daemon-parts.js";
import { BlobPlaces } from "./disks/blob-places.js";
import { DiskStore, type StoredDisk } from "./disks/disk-store.js";
import { Disks } from "./disks/disks.js";
import { ImageLookup } from "./disks/image-lookup.js";
import { UnneededImages } from "./disks/unneeded-images.js";
import type { AttachedKeeper } from "./keeper/attached-keeper.js";
import { Containers } from "./mounts/containers.js";
import { sweepFolders } from "./mounts/leftovers.js";
import { Lowers } from "./mounts/lowers.js";
import { MountJournal, type MountRecord } from "./mounts/mount-journal.js";
import { NodeMounts } from "./mounts/node-mounts.js";
import { DaemonService } from "./node-service.js";
import { openNodeStore } from "./node-store.js";
import { traceFirstRead } from "./observe/first-read.js";
import type { Logger } from "./observe/log.js";
import { watchSlowReads } from "./observe/slow-reads.js";
import { Tracing } from "./observe/tracing.js";
import { MergeThreads } from "./prefixes/merge-threads.js";
import { PrefixImages } from "./prefixes/prefix-images.js";
import { readDaemonFile, refuseSecondDaemon, removeDaemonFile, writeDaemonFile } from "./process/daemon-file.js";
import { createTrustPolicy } from "./resolve/trust.js";
import type { ContainerdSnapshots } from "./snapshots/containerd-snapshots.js";
import { StreamedImages, type StreamedImagesParts } from "./snapshots/streamed-images.js";
import { NodePaths } from "./state/node-paths.js";
import { requireOwnFolder } from "./state/own-folder.js";
import { settleEarlierLife } from "./takeover/earlier-life.js";
import { KeptSession } from "./takeover/kept-session.js";

export interface DaemonOptions {
  /** The data root. Made if need be; belongs to one daemon at a time. */
  readonly root: string;
  readonly config: NodeConfig;
  /** Of the program. */
  readonly version: string;
  readonly log: Logger;
  /** The process that keeps the FUSE connection when this one dies. Without one, the mounts end with this process. */
  readonly keeper?: AttachedKeeper | undefined;
  /** Ends a start that has taken over no mounts. */
  readonly signal?: AbortSignal | undefined;
}

/** A daemon that serves its data root. */
export interface Daemon {
  readonly controlSocket: string;
  /** As the verb `daemon stop`. @throws {MountsBusyError} */
  stop(request: StopRequest): Promise<StopResult>;
  /** Resolves when it has stopped, by whomever, and holds nothing any more. */
  readonly stopped: Promise<void>;
}

/** Closes what was opened, the last first, whatever fails on the way. */
class Opened {
  readonly #signal: AbortSignal | undefined;
  readonly #closes: (readonly [what: string, close: () => unknown])[] = [];

  /** Whether mounts of an earlier daemon live on in this one. */
  hasTakenOver = false;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** @throws the signal's reason, and `thing` is closed with the others */
  add<T>(what: string, thing: T, close: (thing: T) => unknown): T {
    this.#closes.push([what, () => close(thing)]);
    if (!this.hasTakenOver) this.#signal?.throwIfAborted();
    return thing;
  }

  async close(log: Logger): Promise<void> {
    for (const [what, close] of this.#closes.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        log.error({ err: error }, `closing ${what} failed`);
      }
    }
  }
}

/**
 * Composes a daemon and starts it: what an earlier one left when it was killed is cleared, its mounts come back, the control socket answers.
 * Everything a daemon is made of is put together here and nowhere else.
 *
 * @throws {DaemonRunningError} {UnknownTrustPolicyError} {MetricsListenError} {UnsafeFolderError} the signal's reason
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const opened = new Opened(options.signal);
  try {
    return await compose(options, opened);
  } catch (error) {
    // What was taken over must not end because this one failed: the next one takes over.
    if (opened.hasTakenOver) dieAsInACrash(error, options.log);
    await opened.close(options.log);
    throw error;
  }
}

function dieAsInACrash(error: unknown, log: Logger): void {
  log.error({ err: error }, "the daemon failed while it took over");
  process.kill(process.pid, "SIGKILL");
}

async function compose(
  { root: givenRoot, config, version, log, keeper }: DaemonOptions,
  opened: Opened,
): Promise<Daemon> {
  const trust = createTrustPolicy(config.trust);
  await mkdir(givenRoot, { recursive: true, mode: 0o700 });
  const paths = new NodePaths(await realpath(givenRoot));
  await mkdir(paths.run, { recursive: true, mode: 0o700 });
  for (const folder of [paths.root, paths.run]) await requireOwnFolder(folder);
  const kept = keeper && (await KeptSession.open(keeper, paths));
  const previous = await readDaemonFile(paths);
  opened.hasTakenOver = kept?.earlier !== undefined;
  if (!opened.hasTakenOver) await refuseSecondDaemon(paths, keeper?.pid);
  const store = opened.add("chunk store", await openNodeStore(paths, config, log, previous), (it) => it.close());
  opened.add("daemon file", await writeDaemonFile(paths, version, keeper?.pid), () => removeDaemonFile(paths));

  const tracer = new Tracing();
  const pulls = new PullCredentials();
  const registries = opened.add("registries", createRegistries(config, pulls, log), (it) => it.close());
  const openRepository = registries.open.bind(registries);
  const places = new BlobPlaces();
  const fetcher = opened.add("fetcher", createFetcher(places, store, config, log), (it) => it.close());
  const diskStore = new DiskStore(paths);
  const pool = config.pool === undefined ? undefined : { name: config.pool, file: config.poolFile };
  const images = new ImageLookup({ disks: diskStore, trust, openRepository, pool, tracer, log });
  const disks = new Disks({
    store,
    places,
    openRepository,
    chunks: fetcher,
    around: (disk) => traceFirstRead(watchSlowReads(disk, log), tracer),
    tracer,
    background: createBackground(fetcher, store, config),
    watchStart: createOffers(store, openRepository, paths, config, log),
    onFilled: (artifact, outcome) => {
      if (outcome === "complete") log.info({ artifact }, "everything of the image is here: it needs no registry");
      else log.warn({ artifact }, "the store has no room for all of the image: raise store.budget");
    },
    onStreamBroken: (artifact, error) => log.warn({ err: error, artifact }, "startup stream ended early"),
    onClosed: (artifact) => unneeded.onClosed(artifact),
  });

  const journal = new MountJournal(paths.mounts);
  const { drivers, erofs, session, failedReads } = createDrivers(paths, store, config, log, kept, (slot) =>
    disks.onMark(slot),
  );
  const recordings = createRecordings(paths, config, log);
  const lowers = new Lowers(paths.lower);
  const everyDriver = [...drivers, recordings.driver];
  const parts = { paths, journal, diskStore, disks, drivers: everyDriver, erofs, lowers, kept, previous, log };
  const { left, takenOver } = await settleEarlierLife(parts);
  opened.add("recordings", recordings.driver, (it) => it.close({ force: true }));
  for (const driver of drivers) opened.add(`driver ${driver.name}`, driver, (it) => it.close({ force: true }));
  const mounts = new NodeMounts({ paths, journal, images, disks, lowers, recordings, drivers, tracer, log });
  for (const { record, stored } of takenOver) await mounts.adopt(record, stored);
  const containers = opened.add("containers", new Containers({ paths, images, mounts, tracer, log }), (it) =>
    it.close(),
  );
  for (const { id, owner } of left) {
    if (owner) containers.adopt(id, owner);
  }
  const written = await sweepFolders(paths, new Set(left.map((record) => record.id)));
  if (written.length > 0) log.warn({ folders: written }, "kept: no mount is known for what was written there");

  const prefixes = new PrefixImages({ paths, diskStore, openRepository, threads: new MergeThreads() });
  let containerd: ContainerdSnapshots | undefined;
  const snapshotArtifacts = (): readonly Digest[] => containerd?.snapshots.artifacts() ?? [];
  const unneeded: UnneededImages = new UnneededImages({
    diskStore,
    store,
    isNeeded: (artifact) =>
      [...disks.digests, ...mounts.awaited, ...snapshotArtifacts()].includes(artifact) || streamed.isClaiming(artifact),
    log,
  });
  const onPull: StreamedImagesParts["onPull"] = (...pull) => containerd?.tell(...pull);
  const streamedParts = { images, prefixes, diskStore, store, disks, lowers, unneeded, driver: erofs, onPull, log };
  const streamed: StreamedImages = opened.add("disks of pulls", new StreamedImages(streamedParts), (it) => it.close());

  const takeOvers = kept?.takeOvers ?? 0;
  const counts = () => collectCounts({ mounts, disks, store, fetcher, session, failedReads, takeOvers, streamed });
  // Loaded now: a daemon that takes over answers reads before it has them.
  const { NodeMetrics } = await import("./observe/metrics.js");
  const { serveControl } = await import("./control/server.js");
  const metrics = new NodeMetrics(counts);
  await startTracing(tracer, config.telemetry.endpoint, version, opened);
  let end: () => void = () => undefined;
  const stopAsked = new Promise<void>((resolve) => {
    end = resolve;
  });
  const service = new DaemonService({
    root: paths.root,
    version,
    images,
    diskStore,
    unneeded,
    mounts,
    containers,
    drivers,
    store,
    recordings,
    metrics,
    counts,
    keeper: () => keeper && { pid: keeper.pid, takeOvers: kept?.takeOvers ?? 0 },
    pulled: (reference) => streamed.outcome(reference),
    pulledAfter: (number) => streamed.pulledAfter(number),
    layers: (chainId) => containerd?.snapshots.held(chainId) ?? { streamed: 0, unpacked: 0 },
    collectForSnapshots: () => streamed.collect(snapshotArtifacts, []),
    onStopped: () => {
      keeper?.say("ending");
      end();
    },
  });
  if (config.metrics.listen !== undefined) {
    const { listenForMetrics } = await import("./control/metrics-listener.js");
    const listening = await listenForMetrics(config.metrics.listen, () => metrics.text());
    opened.add("metrics listener", listening, (it) => it.close());
    log.info({ address: listening.address }, "metrics offered");
  }
  if (config.snapshotter.address !== undefined) {
    const { serveContainerd } = await import("./snapshots/containerd-snapshots.js");
    const parts = { paths, streamed, containerdSocket: config.cri.containerd, log };
    containerd = opened.add("snapshotter", await serveContainerd(config.snapshotter.address, parts), (it) =>
      it.close(),
    );
  }
  opened.add("control socket", await serveControl(paths.controlSocket, service, log), (it) => it.close());
  if (config.cri.address !== undefined) {
    const { serveImageProxy } = await import("./cri/image-proxy.js");
    const { address: socketPath, containerd: containerdSocket } = config.cri;
    const proxy = await serveImageProxy({ socketPath, containerdSocket, credentials: pulls, log });
    opened.add("image service", proxy, (it) => it.close());
  }
  if (keeper) {
    keeper.onReplaced = async (pid) => {
      log.warn({ keeper: pid }, "the keeper was killed; another one takes its place");
      await writeDaemonFile(paths, version, pid).catch((error: unknown) => log.error({ err: error }, "daemon file"));
    };
    keeper.say("serving");
  }
  log.info({ root: paths.root, version, keeper: keeper?.pid, takenOver: takenOver.length }, "daemon serves");
  void containers.reap();
  const shown = new Set(takenOver.map(({ record }) => record));
  void mounts.restore(
    left.filter((record) => !record.owner && !shown.has(record)),
    (record) => loadRecorded(diskStore, images, record),
  );
  void Promise.resolve(containerd?.snapshots.resume())
    .then(() => lowers.dropUnused())
    .catch((error: unknown) => log.error({ err: error }, "an unused disk stays mounted"));
  return {
    controlSocket: paths.controlSocket,
    stop: (request) => service.stop(request),
    stopped: stopAsked.then(() => opened.close(log)).then(() => log.info("daemon stopped")),
  };
}

/** Loads what sends spans where somebody wants them, and nowhere else. */
async function startTracing(tracing: Tracing, endpoint: string | undefined, version: string, opened: Opened) {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: all, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces } = process.env;
  if (endpoint === undefined && !all && !traces) return;
  const { OtlpTracer } = await import("./observe/otlp-tracer.js");
  tracing.use(opened.add("tracer", new OtlpTracer(endpoint, version), (it) => it.close()));
}

/** @throws {NotStreamableError} NOT_TRUSTED, when the policy was tightened since */
async function loadRecorded(diskStore: DiskStore, images: ImageLookup, record: MountRecord): Promise<StoredDisk> {
  const stored = await diskStore.load(record.artifact);
  if (!stored) throw new Error(`artifact ${record.artifact} is not on this node any more: mount the image again`);
  await images.requireTrusted(stored);
  return stored;
}
