import { parseReference } from "@sluice/oci";
import type { ChunkStore } from "@sluice/store";
import type {
  ContainerRequest,
  DaemonStatus,
  GcResult,
  HeldLayers,
  ImageAddress,
  KeeperStatus,
  MountRequest,
  MountResult,
  NodeService,
  PreparedContainer,
  PullOutcome,
  PullReport,
  ScrubResult,
  StopRequest,
  StopResult,
  StoreUse,
  UnmountRequest,
  WhyAnswer,
} from "./control/api.js";
import type { DiskStore } from "./disks/disk-store.js";
import type { ImageLookup } from "./disks/image-lookup.js";
import type { UnneededImages } from "./disks/unneeded-images.js";
import type { Driver } from "./drivers/index.js";
import { chooseDriver } from "./mounts/choose-driver.js";
import type { Containers } from "./mounts/containers.js";
import { DaemonStoppingError } from "./mounts/daemon-stopping.js";
import { addressOf, type NodeMounts } from "./mounts/node-mounts.js";
import type { NodeCounts, NodeMetrics } from "./observe/metrics.js";
import type { Recordings } from "./recording/recordings.js";
import { NotStreamableError } from "./resolve/not-streamable.js";
import { timeLimit } from "./snapshots/in-time.js";
import { countStored } from "./snapshots/stored-usage.js";

/** Mounts are in use, and the caller did not want them cut off. */
export class MountsBusyError extends Error {
  override readonly name = "MountsBusyError";
  readonly code = "MOUNTS_BUSY";
  constructor(busy: readonly string[]) {
    super(`not stopped, these are in use: ${busy.join("; ")}. End their users, or stop by force`);
  }
}

export interface NodeServiceParts {
  readonly root: string;
  readonly version: string;
  readonly images: ImageLookup;
  readonly diskStore: DiskStore;
  readonly unneeded: UnneededImages;
  readonly mounts: NodeMounts;
  readonly containers: Containers;
  readonly drivers: readonly Driver[];
  readonly store: ChunkStore;
  readonly recordings: Recordings;
  readonly metrics: NodeMetrics;
  readonly counts: () => NodeCounts;
  /** Undefined for a daemon without one. */
  readonly keeper: () => KeeperStatus | undefined;
  /** How containerd's last pull of that name went; undefined when none is remembered. */
  readonly pulled: (reference: string) => PullOutcome | undefined;
  /** The last pulls after the one with this number. */
  readonly pulledAfter: (number: number) => readonly PullReport[];
  /** What containerd's snapshots have of an image. */
  readonly layers: (chainId: string) => HeldLayers;
  /** Frees what was made for snapshots that are gone. */
  readonly collectForSnapshots: () => Promise<void>;
  /** Everything is unmounted: end the process's work, once the answer is out. */
  readonly onStopped: () => void;
}

/** As long as a pull waits for the same. Milliseconds. */
const maxWhyMs = 5000;

/** What the daemon does for its callers, over its parts. */
export class DaemonService implements NodeService {
  readonly #parts: NodeServiceParts;
  #stopping = false;

  constructor(parts: NodeServiceParts) {
    this.#parts = parts;
  }

  async mount(request: MountRequest, signal: AbortSignal): Promise<MountResult> {
    this.#refuseWhenStopping();
    return await this.#parts.mounts.mount(request, { signal });
  }

  async unmount(request: UnmountRequest): Promise<void> {
    await this.#parts.mounts.unmount(request);
  }

  async mounts(): Promise<readonly MountResult[]> {
    const { mounts } = this.#parts;
    await mounts.dropGone();
    return mounts.list();
  }

  async prepareContainer(request: ContainerRequest, signal: AbortSignal): Promise<PreparedContainer> {
    this.#refuseWhenStopping();
    return await this.#parts.containers.prepare(request, { signal });
  }

  async removeContainer(id: string): Promise<void> {
    await this.#parts.containers.remove(id);
  }

  async recording(id: string): Promise<Uint8Array> {
    return this.#parts.recordings.document(id);
  }

  async why(address: ImageAddress, signal: AbortSignal): Promise<WhyAnswer> {
    const { images, diskStore, drivers, mounts, store } = this.#parts;
    parseReference(address.reference); // a reference that is none is the caller's fault, not a reason
    const mountpoints = mounts
      .list()
      .filter((mount) => mount.reference === address.reference)
      .map((mount) => mount.mountpoint);
    const pulled = this.#parts.pulled(address.reference);
    const answer = { reference: address.reference, mountpoints, ...(pulled && { pulled }) };
    try {
      using limit = timeLimit(`${address.reference}: the registry did not answer`, maxWhyMs);
      const asked = { signal: AbortSignal.any([signal, limit.signal]) };
      const { image } = await images.find(addressOf(address), asked);
      const digests = { source: image.source.digest, artifact: image.artifact.manifest.digest };
      await chooseDriver("auto", drivers);
      const { sizeBytes: storedBytes } = await countStored(image.toc, store);
      return { ...answer, ...digests, streamed: true, local: true, storedBytes };
    } catch (error) {
      if (!(error instanceof NotStreamableError)) throw error;
      const { code, message, cure } = error;
      const local = (await diskStore.findByReference(address.reference)) !== undefined;
      return { ...answer, streamed: false, local, reason: { code, message, cure } };
    }
  }

  async pulls(after: number): Promise<readonly PullReport[]> {
    return this.#parts.pulledAfter(after);
  }

  async layers(chainId: string): Promise<HeldLayers> {
    return this.#parts.layers(chainId);
  }

  async status(): Promise<DaemonStatus> {
    const { root, version, counts } = this.#parts;
    const { mounts, store, fetch, reads, fuseRequests, push } = counts();
    const keeper = this.#parts.keeper();
    return {
      ...(keeper && { keeper }),
      pid: process.pid,
      version,
      root,
      uptimeSeconds: Math.round(process.uptime()),
      rssBytes: process.memoryUsage.rss(),
      mounts,
      store: { bytes: store.bytes, budgetBytes: store.budgetBytes, chunks: store.chunks },
      fetch: {
        requests: fetch.requests,
        bytes: Object.values(fetch.bytes).reduce((sum, bytes) => sum + bytes, 0),
        inFlight: fetch.inFlight,
        unreadBytes: fetch.unreadBytes,
      },
      reads: { hits: reads.hits, misses: reads.misses, errors: reads.errors },
      fuse: { requests: fuseRequests, pushedBytes: push.storedBytes },
    };
  }

  async storeUse(): Promise<StoreUse> {
    const { readers, degraded, ...use } = this.#parts.store.stats();
    return { ...use, ...(degraded !== undefined && { degraded }) };
  }

  /** Images first: once nobody remembers them, nothing binds their chunks any more. */
  async storeGc(signal: AbortSignal): Promise<GcResult> {
    const { diskStore, unneeded } = this.#parts;
    await this.#parts.collectForSnapshots();
    const removedDisks = await unneeded.remove(await diskStore.list());
    return { freedBytes: await unneeded.collectChunks({ signal }), removedDisks };
  }

  async storeScrub(signal: AbortSignal): Promise<ScrubResult> {
    const damaged: string[] = [];
    let checked = { checkedChunks: 0, checkedBytes: 0 };
    for await (const { checkedChunks, checkedBytes, damaged: found } of this.#parts.store.scrub({ signal })) {
      checked = { checkedChunks, checkedBytes };
      damaged.push(...found);
    }
    return { ...checked, damaged };
  }

  async stop({ busy, keepMounts }: StopRequest): Promise<StopResult> {
    const { mounts, containers, onStopped } = this.#parts;
    this.#refuseWhenStopping();
    this.#stopping = true;
    try {
      const lazy = busy === "detach";
      await this.#endContainers(lazy);
      const taken = await mounts.unmountAll({ lazy, forget: !keepMounts });
      if (taken.busy.length > 0 && !lazy) throw new MountsBusyError(taken.busy.map(({ error }) => error.message));
      containers.close();
      onStopped();
      return { unmounted: taken.unmounted, detached: taken.busy.map(({ mountpoint }) => mountpoint) };
    } catch (error) {
      this.#stopping = false;
      throw error;
    }
  }

  metrics(): Promise<string> {
    return this.#parts.metrics.text();
  }

  /** A container has its own view of its root file system, so the kernel would not call it busy: whoever runs one counts as its user. */
  async #endContainers(force: boolean): Promise<void> {
    const { containers } = this.#parts;
    await containers.reap();
    const running = [...containers.owners];
    if (running.length > 0 && !force) {
      throw new MountsBusyError(running.map(([id, { pid }]) => `container ${id} of process ${pid}`));
    }
    for (const [id] of running) await containers.remove(id);
  }

  #refuseWhenStopping(): void {
    if (this.#stopping) throw new DaemonStoppingError();
  }
}
