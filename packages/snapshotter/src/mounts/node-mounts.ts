import { randomUUID } from "node:crypto";
import { realpath } from "node:fs/promises";
import { blockSizeBytes } from "@sluice/disk";
import type { AbortOptions } from "@sluice/oci";
import PQueue from "p-queue";
import type { DriverChoice, ImageAddress, MountRequest, MountResult, UnmountRequest } from "../control/api.js";
import type { StoredDisk } from "../disks/disk-store.js";
import type { Disks } from "../disks/disks.js";
import type { ImageLookup } from "../disks/image-lookup.js";
import type { Driver } from "../drivers/index.js";
import type { Logger } from "../observe/log.js";
import type { NodePaths } from "../state/node-paths.js";
import type { ProcessIdentity } from "../state/process-identity.js";
import { chooseDriver } from "./choose-driver.js";
import { DaemonStoppingError } from "./daemon-stopping.js";
import type { Lowers } from "./lowers.js";
import type { MountJournal, MountRecord } from "./mount-journal.js";
import { checkMountpoint, MountpointError } from "./mountpoint.js";
import { type ShownMount, showDisk, type TakeAway } from "./shown-mount.js";

/** Nothing of this node is mounted there. */
export class NotMountedError extends Error {
  override readonly name = "NotMountedError";
  readonly code = "NOT_MOUNTED";
  constructor(mountpoint: string) {
    super(`${mountpoint}: nothing of this data root is mounted there; see "mounts"`);
  }
}

export interface NodeMountsParts {
  readonly paths: NodePaths;
  readonly journal: MountJournal;
  readonly images: ImageLookup;
  readonly disks: Disks;
  readonly lowers: Lowers;
  /** Best first. */
  readonly drivers: readonly Driver[];
  readonly log: Logger;
}

/** What differs between a user's mount and a container's root. */
export interface NewMount {
  readonly id: string;
  readonly address: ImageAddress;
  readonly mountpoint: string;
  readonly driver: DriverChoice;
  readonly writable: boolean;
  readonly owner?: ProcessIdentity | undefined;
}

interface LiveMount {
  readonly record: MountRecord;
  readonly sizeBytes: number;
  readonly shown: ShownMount;
}

/** Mounts restored at once at a start: enough to hide the waits, not to crowd out each other's first reads. */
const maxRestores = 8;

/** The mounts of a node: each is in the journal before the kernel knows it and until the kernel has let go of it. */
export class NodeMounts {
  readonly #parts: NodeMountsParts;
  /** By mountpoint; a mount that is being made or taken away is there too, so that nobody comes between. */
  readonly #live = new Map<string, LiveMount | "changing">();
  /** Mounts that are being made. */
  readonly #making = new Set<Promise<unknown>>();
  #closing = false;

  constructor(parts: NodeMountsParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#live.size;
  }

  has(mountpoint: string): boolean {
    return this.#live.has(mountpoint);
  }

  list(): MountResult[] {
    return this.#mounted().map(resultOf);
  }

  async mount(request: MountRequest, options?: AbortOptions): Promise<MountResult> {
    const mountpoint = await checkMountpoint(request.mountpoint, this.#parts.paths.root);
    const { driver, writable } = request;
    const address = addressOf(request);
    const stored = await this.#parts.images.find(address, options);
    return await this.add({ id: randomUUID(), address, mountpoint, driver, writable }, stored, options);
  }

  /** Mounts an image that was looked up before. The mountpoint is one of ours, or was checked. */
  async add(mount: NewMount, stored: StoredDisk, options?: AbortOptions): Promise<MountResult> {
    const { driver, reason } = await chooseDriver(mount.driver, this.#parts.drivers);
    const record: MountRecord = {
      id: mount.id,
      address: mount.address,
      mountpoint: mount.mountpoint,
      artifact: stored.image.artifact.manifest.digest,
      driver: driver.name,
      reason,
      writable: mount.writable,
      since: new Date().toISOString(),
      ...(mount.owner && { owner: mount.owner }),
    };
    const live = await this.#show(record, stored, driver, options);
    return resultOf(live);
  }

  async unmount({ mountpoint, detach }: UnmountRequest): Promise<void> {
    const key = this.#live.has(mountpoint) ? mountpoint : await realpath(mountpoint).catch(() => mountpoint);
    const live = this.#live.get(key);
    if (live === undefined) throw new NotMountedError(mountpoint);
    if (live === "changing") throw new MountpointError(`${mountpoint} is just being mounted or unmounted: try again`);
    await this.#takeAway(key, live, { lazy: detach, forget: true });
  }

  /**
   * Takes every mount away, those too that are just being made, and makes no new ones meanwhile. `forget`: for good; else the next start brings
   * them back.
   *
   * @returns what was taken away, and what somebody uses (still there, or detached when `lazy`)
   */
  async unmountAll(options: {
    readonly lazy: boolean;
    readonly forget: boolean;
  }): Promise<{ unmounted: string[]; busy: { mountpoint: string; error: Error }[] }> {
    const unmounted: string[] = [];
    const busy: { mountpoint: string; error: Error }[] = [];
    this.#closing = true;
    await Promise.allSettled(this.#making);
    for (const live of this.#mounted().toReversed()) {
      const { mountpoint } = live.record;
      try {
        await this.#takeAway(mountpoint, live, { lazy: false, forget: options.forget });
        unmounted.push(mountpoint);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        busy.push({ mountpoint, error });
        if (options.lazy) await this.#takeAway(mountpoint, live, { lazy: true, forget: options.forget });
      }
    }
    this.#closing = this.#live.size === 0;
    return { unmounted, busy };
  }

  /** Brings back what the journal holds, from this node's own records. What fails is logged and stays in the journal. */
  async restore(records: readonly MountRecord[], load: (record: MountRecord) => Promise<StoredDisk>): Promise<void> {
    const queue = new PQueue({ concurrency: maxRestores });
    await queue.addAll(records.map((record) => () => this.#restoreOne(record, load)));
  }

  async #restoreOne(record: MountRecord, load: (record: MountRecord) => Promise<StoredDisk>): Promise<void> {
    const { log, paths, drivers, journal } = this.#parts;
    const facts = { mountpoint: record.mountpoint, reference: record.address.reference };
    try {
      await checkMountpoint(record.mountpoint, paths.root);
      const { driver } = await chooseDriver(
        "auto",
        drivers.filter(({ name }) => name === record.driver),
      );
      await this.#show(record, await load(record), driver);
      log.info(facts, "mount restored");
    } catch (error) {
      log.error({ err: error, ...facts }, "mount not restored");
      if (error instanceof MountpointError) await journal.remove(record.id);
    }
  }

  async #show(record: MountRecord, stored: StoredDisk, driver: Driver, options?: AbortOptions): Promise<LiveMount> {
    if (this.#closing) throw new DaemonStoppingError();
    const making = this.#make(record, stored, driver, options);
    this.#making.add(making);
    try {
      return await making;
    } finally {
      this.#making.delete(making);
    }
  }

  async #make(record: MountRecord, stored: StoredDisk, driver: Driver, options?: AbortOptions): Promise<LiveMount> {
    const { mountpoint, id, writable } = record;
    const { journal, disks, lowers, paths } = this.#parts;
    options?.signal?.throwIfAborted();
    if (this.#live.has(mountpoint))
      throw new MountpointError(`${mountpoint} is a mount point already: unmount it first`);
    this.#live.set(mountpoint, "changing");
    try {
      await journal.write(record);
      const lease = await disks.open(stored);
      const ephemeral = record.owner !== undefined;
      const shown = await showDisk({ id, driver, lease, mountpoint, writable, ephemeral }, lowers, paths);
      const live = { record, sizeBytes: stored.image.toc.diskBlocks * blockSizeBytes, shown };
      if (options?.signal?.aborted) {
        await shown.unmount({ lazy: true, forget: true }); // whoever asked for it has left
        throw options.signal.reason;
      }
      this.#live.set(mountpoint, live);
      return live;
    } catch (error) {
      this.#live.delete(mountpoint);
      await journal.remove(id);
      throw error;
    }
  }

  async #takeAway(mountpoint: string, live: LiveMount, how: TakeAway): Promise<void> {
    this.#live.set(mountpoint, "changing");
    try {
      await live.shown.unmount(how);
    } catch (error) {
      this.#live.set(mountpoint, live);
      throw error;
    }
    this.#live.delete(mountpoint);
    if (how.forget) await this.#parts.journal.remove(live.record.id);
  }

  #mounted(): LiveMount[] {
    return [...this.#live.values()].filter((live) => live !== "changing");
  }
}

/** The part of a request that is about the image. */
export const addressOf = ({ reference, plainHttp, dockerConfig }: ImageAddress): ImageAddress => ({
  reference,
  ...(plainHttp !== undefined && { plainHttp }),
  ...(dockerConfig !== undefined && { dockerConfig }),
});

const resultOf = ({ record, sizeBytes }: LiveMount): MountResult => ({
  id: record.id,
  reference: record.address.reference,
  mountpoint: record.mountpoint,
  driver: record.driver,
  reason: record.reason,
  writable: record.writable,
  disk: { digest: record.artifact, sizeBytes },
  since: record.since,
});
