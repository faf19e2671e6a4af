// The parts of a daemon that its configuration shapes, each made in one place; `daemon.ts` puts them together.

import { hostRouting, type Repository, secretFileCredentials } from "@sluice/oci";
import { ChunkFetcher, type ChunkStore } from "@sluice/store";
import type { NodeConfig } from "./config/node-config.js";
import type { ImageAddress } from "./control/api.js";
import type { PullCredentials } from "./cri/pull-credentials.js";
import { BackgroundFill } from "./disks/background-fill.js";
import type { BlobPlaces } from "./disks/blob-places.js";
import type { DisksParts } from "./disks/disks.js";
import { Registries } from "./disks/registries.js";
import { type Driver, type DriverEvent, ErofsDriver, FuseNativeDriver } from "./drivers/index.js";
import { defaultFuseConfig, type FuseSessionStats, ReadDeadlineError } from "./fuse/index.js";
import type { Logger } from "./observe/log.js";
import { Recordings } from "./recording/recordings.js";
import { StartOffers } from "./recording/start-offers.js";
import type { NodePaths } from "./state/node-paths.js";
import type { KeptSession } from "./takeover/kept-session.js";

export function createRegistries(config: NodeConfig, pulls: PullCredentials, log: Logger): Registries {
  const { mirrors, certsDir, credentials } = config;
  const routing = hostRouting({
    mirrors,
    certsDirectory: certsDir,
    onProblem: (error) => log.error({ err: error }, "a setting of a registry's hosts is left aside"),
    onMirrorFailed: (mirror, error) => log.warn({ err: error, mirror }, "a mirror failed; the next host is asked"),
  });
  return new Registries({ routing, credentials: [pulls, secretFileCredentials(credentials.files)] });
}

export function createFetcher(places: BlobPlaces, store: ChunkStore, config: NodeConfig, log: Logger): ChunkFetcher {
  const { parallel, retries } = config.fetch;
  return new ChunkFetcher({
    source: places,
    store,
    config: {
      maxRequests: Math.max(2, parallel),
      demandRequests: Math.max(1, Math.floor(parallel / 4)),
      maxAttempts: retries + 1,
    },
    isDeadline: (reason) => reason instanceof ReadDeadlineError,
    isPermanent: (error) => error instanceof Error && "code" in error && error.code === "NO_PLACE",
    onStoreError: (error) => log.error({ err: error }, "the chunk store failed; the chunk is fetched instead"),
  });
}

export function createBackground(
  fetcher: ChunkFetcher,
  store: ChunkStore,
  { background }: NodeConfig,
): BackgroundFill | undefined {
  if (!background.enabled) return undefined;
  return new BackgroundFill({ chunks: fetcher, store, rateBytesPerSecond: background.rateBytesPerSecond });
}

export function createOffers(
  store: ChunkStore,
  openRepository: (address: ImageAddress) => Repository,
  paths: NodePaths,
  { startup }: NodeConfig,
  log: Logger,
): DisksParts["watchStart"] {
  if (!startup.offer) return undefined;
  const offers = new StartOffers({ store, openRepository, markOf: (artifact) => paths.offered(artifact), log });
  return (stored, map) => offers.watch(stored, map);
}

export interface NodeDrivers {
  /** Best first. */
  readonly drivers: readonly Driver[];
  readonly erofs: ErofsDriver;
  /** Undefined before the first mount that uses the session. */
  session(): FuseSessionStats | undefined;
  /** Misses that were answered with EIO. */
  failedReads(): number;
}

export function createDrivers(
  paths: NodePaths,
  store: ChunkStore,
  config: NodeConfig,
  log: Logger,
  kept: KeptSession | undefined,
  onMark: (slot: number) => void,
): NodeDrivers {
  let failedReads = 0;
  const onEvent = (event: DriverEvent): void => {
    if (event.kind === "read-failed") failedReads++;
    log[event.kind === "name-hidden" ? "warn" : "error"]({ err: event.error, driver: event.driver }, event.kind);
    if (event.kind !== "session-failed" || !kept) return;
    kept.keeper.say("spoiled"); // its mounts are dead; they come back on another connection
    process.kill(process.pid, "SIGKILL");
  };
  const { deadlineMs } = config.fetch;
  const push = { ...defaultFuseConfig.push, maxBytesPerDisk: config.push.maxBytes };
  const session = { mountpoint: paths.session, ...kept?.options };
  const erofs = new ErofsDriver({ ...session, chunks: store, deadlineMs, onEvent, onMark, push });
  const native = new FuseNativeDriver({ owner: paths.owner, deadlineMs, onEvent });
  const drivers: readonly Driver[] = [erofs, native];
  return { drivers, erofs, session: () => erofs.stats(), failedReads: () => failedReads };
}

export function createRecordings(paths: NodePaths, config: NodeConfig, log: Logger): Recordings {
  return new Recordings({
    mountpoint: paths.recordingSession,
    deadlineMs: config.fetch.deadlineMs,
    onEvent: (event) => log.error({ err: event.error, driver: event.driver }, `recorded mount: ${event.kind}`),
  });
}
