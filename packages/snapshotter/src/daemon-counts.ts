import type { ChunkFetcher, ChunkStore } from "@sluice/store";
import type { Disks } from "./disks/disks.js";
import { type FuseSessionStats, noLatency, noPushes } from "./fuse/index.js";
import type { NodeMounts } from "./mounts/node-mounts.js";
import type { NodeCounts } from "./observe/metrics.js";
import type { StreamedImages } from "./snapshots/streamed-images.js";

export interface CountedParts {
  readonly mounts: NodeMounts;
  readonly disks: Disks;
  readonly store: ChunkStore;
  readonly fetcher: ChunkFetcher;
  /** Undefined before the first mount that uses the session. */
  readonly session: () => FuseSessionStats | undefined;
  /** How often a daemon went on with the mounts of one that died. */
  readonly takeOvers: number;
  /** Misses that were answered with EIO. */
  readonly failedReads: () => number;
  readonly streamed: StreamedImages;
}

/** One look at all counters of the daemon. */
export function collectCounts(parts: CountedParts): NodeCounts {
  const store = parts.store.stats();
  const fetch = parts.fetcher.stats();
  const session = parts.session();
  const { hit: hitTimes = noLatency(), ...operationTimes } = session?.times ?? {};
  return {
    mounts: parts.mounts.count,
    disks: parts.disks.count,
    reads: {
      hits: session?.hits ?? 0,
      misses: session?.misses ?? 0,
      errors: (session?.errors ?? 0) + parts.failedReads(),
      bytes: session?.readBytes ?? 0,
    },
    fuseRequests: session?.requests ?? 0,
    push: session?.push ?? noPushes(),
    hitTimes,
    missTimes: session?.missTimes ?? noLatency(),
    operationTimes,
    deadlinesMissed: session?.deadlinesMissed ?? 0,
    pulls: parts.streamed.counts,
    takeOvers: parts.takeOvers,
    resentRequests: session?.resent ?? 0,
    waitingReads: session?.waiting ?? 0,
    store: {
      bytes: store.bytes,
      budgetBytes: store.budgetBytes,
      chunks: store.chunks,
      evictions: store.evictions,
      damaged: store.damaged,
      healed: store.healed,
      notStored: store.notStored,
      degraded: store.degraded !== undefined,
    },
    fetch: {
      requests: fetch.requests,
      failures: fetch.failures,
      inFlight: fetch.inFlight,
      unreadBytes: parts.disks.unreadBytes,
      bytes: Object.fromEntries(Object.entries(fetch.byCause).map(([cause, { bytes }]) => [cause, bytes])),
    },
  };
}
