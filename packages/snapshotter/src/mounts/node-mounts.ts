import { randomUUID } from "node:crypto";
import { realpath } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { blockSizeBytes } from "@sluice/disk";
import type { AbortOptions, Digest } from "@sluice/oci";
import type { DriverChoice, ImageAddress, MountRequest, MountResult, UnmountRequest } from "../control/api.js";
import type { StoredDisk } from "../disks/disk-store.js";
import type { Disks } from "../disks/disks.js";
import type { ImageLookup } from "../disks/image-lookup.js";
import type { Driver } from "../drivers/index.js";
import { mountTable } from "../fuse/index.js";
import type { Logger } from "../observe/log.js";
import type { Tracer } from "../observe/tracing.js";
import { RecordingDriverError, type Recordings } from "../recording/recordings.js";
import type { NodePaths } from "../state/node-paths.js";
import type { ProcessIdentity } from "../state/process-identity.js";
import { type ChosenDriver, chooseDriver } from "./choose-driver.js";
import { DaemonStoppingError } from "./daemon-stopping.js";
import type { Lowers } from "./lowers.js";
import type { MountJournal, MountRecord } from "./mount-journal.js";
import { checkMountpoint, MountpointError } from "./mountpoint.js";
import { Restores } from "./restores.js";
import { adoptShown, type ShownMount, showDisk, type TakeAway } from "./shown-mount.js";
import { WritableFolder } from "./writable-folder.js";

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
  readonly recordings: Recordings;
  /** Best first. */
  readonly drivers: readonly Driver[];
  readonly tracer: Tracer;
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
  /** Note what is read of it. */
  readonly record?: boolean | undefined;
}

/** How often a mount that is just being made or taken away is looked at by whoever waits for that. Milliseconds. */
const changePollMs = 20;

interface LiveMount {
  readonly record: MountRecord;
  readonly sizeBytes: number;
  readonly shown: ShownMount;
}

/** The mounts of a node: each is in the journal before the kernel knows it and until the kernel has let go of it. */
export class NodeMounts {
  readonly #parts: NodeMountsParts;
  /** By mountpoint; a mount that is being made or taken away is there too, so that nobody comes between. */
  readonly #live = new Map<string, LiveMount | "changing">();
  /** Mounts that are being made. */
  readonly #making = new Set<Promise<unknown>>();
  #restores: Restores | undefined;
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

  /** Artifacts of mounts that are still to come back. */
  get awaited(): readonly Digest[] {
    return this.#restores?.artifacts ?? [];
  }

  mount(request: MountRequest, options?: AbortOptions): Promise<MountResult> {
    const { reference } = request;
    return this.#parts.tracer.step("start", { reference, kind: "mount" }, () => this.#mount(request, options));
  }

  async #mount(request: MountRequest, options?: AbortOptions): Promise<MountResult> {
    const id = request.id ?? randomUUID();
    const before = await this.#madeBefore(id, request.mountpoint);
    if (before) return resultOf(before);
    const mountpoint = await checkMountpoint(request.mountpoint, this.#parts.paths.root);
    await this.dropGone();
    await this.#makeWay(mountpoint);
    const { driver, writable, record } = request;
    const address = addressOf(request);
    const stored = await this.#parts.images.find(address, options);
    return await this.add({ id, address, mountpoint, driver, writable, record }, stored, options);
  }

  /** The mount of that name. One that a daemon died over is to come back: it is waited for while it does, and given up for a new try when it cannot. */
  async #madeBefore(id: string, path: string): Promise<LiveMount | undefined> {
    const mountpoint = await realpath(path).catch(() => path);
    while (this.#live.get(mountpoint) === "changing") await sleep(changePollMs);
    const live = this.#live.get(mountpoint);
    if (live !== undefined && live !== "changing" && live.record.id === id) return live;
    if (this.#restores?.on(mountpoint)?.id === id) await this.#giveUp(mountpoint);
    return undefined;
  }

  /** Mounts an image that was looked up before. The mountpoint is one of ours, or was checked. */
  async add(mount: NewMount, stored: StoredDisk, options?: AbortOptions): Promise<MountResult> {
    const { driver, reason } = await this.#driverFor(mount);
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
    const facts = { "artifact.digest": record.artifact, driver: driver.name };
    const show = (): Promise<LiveMount> => this.#show(record, stored, driver, "new", options);
    return resultOf(await this.#parts.tracer.step("ready", facts, show));
  }

  /** @throws {RecordingDriverError} */
  async #driverFor(mount: NewMount): Promise<ChosenDriver> {
    const chosen = await chooseDriver(mount.driver, this.#parts.drivers);
    if (!mount.record) return chosen;
    const { driver } = this.#parts.recordings;
    if (chosen.driver.name !== driver.name) throw new RecordingDriverError(chosen.driver.name);
    return { driver, reason: `${chosen.reason}; recorded` };
  }

  /** Takes over a mount that an earlier life of the daemon made, and that is there. */
  async adopt(record: MountRecord, stored: StoredDisk): Promise<void> {
    const { disks, lowers, paths, drivers } = this.#parts;
    const { id, mountpoint, writable } = record;
    const driver = drivers.find(({ name }) => name === record.driver);
    if (driver === undefined) throw new Error(`no driver ${record.driver} in this program`);
    const lease = await disks.open(stored);
    const containerRoot = record.owner !== undefined;
    const shown = await adoptShown(
      { id, driver, lease, mountpoint, writable, containerRoot, alone: false },
      lowers,
      paths,
    );
    this.#live.set(mountpoint, { record, sizeBytes: sizeBytesOf(stored), shown });
  }

  /** Lets go of what somebody else has unmounted, with umount(8) say. */
  async dropGone(): Promise<void> {
    const mounted = this.#mounted();
    const targets = new Set((await mountTable()).map((entry) => entry.target));
    for (const live of mounted) {
      const { mountpoint } = live.record;
      if (targets.has(mountpoint) || this.#live.get(mountpoint) !== live) continue;
      this.#parts.log.warn({ mountpoint }, "unmounted by somebody else");
      await this.#takeAway(mountpoint, live, { lazy: true, forget: true });
    }
  }

  /** Removes what is remembered of a mount that is not there: its record, and what was written to it. */
  async forget(id: string): Promise<void> {
    await new WritableFolder(this.#parts.paths.writable(id)).discard();
    await this.#parts.journal.remove(id);
  }

  async unmount({ mountpoint, detach }: UnmountRequest): Promise<void> {
    const key = this.#live.has(mountpoint) ? mountpoint : await realpath(mountpoint).catch(() => mountpoint);
    const live = this.#live.get(key);
    if (live === undefined) return await this.#giveUp(key);
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
    if (this.#closing) this.#restores?.close();
    return { unmounted, busy };
  }

  /**
   * Brings back what the journal holds, from this node's own records. Resolves when each was tried; what fails is logged, stays in the journal
   * and is tried again. Call it once.
   */
  async restore(records: readonly MountRecord[], load: (record: MountRecord) => Promise<StoredDisk>): Promise<void> {
    const { log } = this.#parts;
    this.#restores = new Restores({ restore: (record) => this.#restoreOne(record, load), log });
    await this.#restores.run(records);
  }

  async #restoreOne(record: MountRecord, load: (record: MountRecord) => Promise<StoredDisk>): Promise<void> {
    const { paths, drivers } = this.#parts;
    await checkMountpoint(record.mountpoint, paths.root);
    const mine = drivers.filter(({ name }) => name === record.driver);
    const { driver } = await chooseDriver("auto", mine);
    await this.#show(record, await load(record), driver, "again");
  }

  /** Of a mount that did not come back. */
  async #giveUp(mountpoint: string): Promise<void> {
    const awaited = this.#restores?.on(mountpoint);
    if (!awaited) throw new NotMountedError(mountpoint);
    this.#restores?.giveUp(awaited);
    await this.forget(awaited.id);
  }

  /** For a new mount where an old one is to come back. @throws {MountpointError} when that one holds what somebody wrote */
  async #makeWay(mountpoint: string): Promise<void> {
    const awaited = this.#restores?.on(mountpoint);
    if (!awaited || this.#live.has(mountpoint)) return;
    if (!awaited.writable) return await this.#giveUp(mountpoint);
    const what = `a writable mount of ${awaited.address.reference}`;
    throw new MountpointError(`${mountpoint}: ${what} is to come back there: unmount it to give it up, with its data`);
  }

  async #show(
    record: MountRecord,
    stored: StoredDisk,
    driver: Driver,
    kind: "new" | "again",
    options?: AbortOptions,
  ): Promise<LiveMount> {
    if (this.#closing) throw new DaemonStoppingError();
    const making = this.#recorded(record, kind, () => this.#make(record, stored, driver, options));
    this.#making.add(making);
    try {
      return await making;
    } finally {
      this.#making.delete(making);
    }
  }

  /** Makes a mount with its record in the journal. A new one that fails leaves none; one that is to come back keeps its own. */
  async #recorded(record: MountRecord, kind: "new" | "again", make: () => Promise<LiveMount>): Promise<LiveMount> {
    const { mountpoint, id } = record;
    if (this.#live.has(mountpoint))
      throw new MountpointError(`${mountpoint} is a mount point already: unmount it first`);
    this.#live.set(mountpoint, "changing");
    try {
      if (kind === "new") await this.#parts.journal.write(record);
      const live = await make();
      this.#live.set(mountpoint, live);
      return live;
    } catch (error) {
      this.#live.delete(mountpoint);
      if (kind === "new") await this.#parts.journal.remove(id);
      throw error;
    }
  }

  async #make(record: MountRecord, stored: StoredDisk, driver: Driver, options?: AbortOptions): Promise<LiveMount> {
    const { mountpoint, id, writable } = record;
    const { images, disks, lowers, paths, recordings } = this.#parts;
    options?.signal?.throwIfAborted();
    const alone = driver === recordings.driver;
    const opened = await disks.open(stored, { quiet: alone });
    const lease = alone ? recordings.watch(id, opened, stored.image) : opened;
    const containerRoot = record.owner !== undefined;
    try {
      await images.keep(stored).catch(async (error: unknown) => {
        await lease.release();
        throw error;
      });
      const shown = await showDisk({ id, driver, lease, mountpoint, writable, containerRoot, alone }, lowers, paths);
      if (options?.signal?.aborted) {
        await shown.unmount({ lazy: true, forget: true }); // whoever asked for it has left
        throw options.signal.reason;
      }
      return { record, sizeBytes: sizeBytesOf(stored), shown };
    } catch (error) {
      recordings.forget(id);
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
    this.#parts.recordings.forget(live.record.id);
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

const sizeBytesOf = (stored: StoredDisk): number => stored.image.toc.diskBlocks * blockSizeBytes;

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
