import { release } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { mountReadingAheadLater, mountWithoutReadAhead } from "../../fuse/kernel/erofs-read-ahead.js";
import { KernelCallError } from "../../fuse/kernel/kernel-call-error.js";
import { attachLoop, backingOf } from "../../fuse/kernel/loop.js";
import { mountErofs, unmount, unmountEntries } from "../../fuse/kernel/mount.js";
import { type MountEntry, mountTable } from "../../fuse/kernel/mount-table.js";
import { OpeningWithReadAhead } from "../../fuse/kernel/opening-with-read-ahead.js";
import type { DiskFile } from "../../fuse/serve/disk-file.js";
import {
  defaultFuseConfig,
  FuseSession,
  type FuseSessionOptions,
  type FuseSessionStats,
  type SessionState,
} from "../../fuse/session/fuse-session.js";
import { startMs } from "../../start-duration.js";
import type { Driver, DriverEvent, DriverProbe, MountableDisk, MountedDisk } from "../driver.js";
import { isFileBacked, probeErofs } from "./probe.js";

/** `readAheadBytes` 0 also keeps EROFS from reading ahead: every read is one that somebody wanted. */
export interface ErofsDriverOptions extends Omit<FuseSessionOptions, "readMiss" | "onEvent" | "resumed"> {
  readonly onEvent: (event: DriverEvent) => void;
  /** `file`: EROFS on the FUSE file, Linux ≥ 6.12. `loop`: a loop device between. `auto`: the first that works. */
  readonly backing?: "auto" | "file" | "loop" | undefined;
}

/** A disk that an earlier process showed, with the inode that the kernel knows it by. */
export interface ResumedDisk {
  readonly inode: number;
  readonly disk: MountableDisk;
}

/** EROFS in the kernel, on a file that a {@link FuseSession} serves. The session is opened with the first disk. */
export class ErofsDriver implements Driver {
  readonly name = "erofs";
  readonly #options: ErofsDriverOptions;
  readonly #disks: Map<number, MountableDisk> = new Map();
  readonly #mounts: Set<ErofsMount> = new Set();
  readonly #opening: OpeningWithReadAhead;
  /** Kept descriptors serve one connection. When that could not be begun, the next one has its own and ends with this process. */
  #devicesUsed = false;
  #session: Promise<FuseSession> | undefined;
  /** File systems on a regular file are not to be had here, or not wanted. A loop device reads past the page cache of its file: nothing is pushed there. */
  #isOnLoop: boolean;
  /** The same, once it is there. */
  #opened: FuseSession | undefined;

  constructor(options: ErofsDriverOptions) {
    this.#options = options;
    const { backing = "auto", mountpoint, readAheadBytes = defaultFuseConfig.readAheadBytes } = options;
    this.#opening = new OpeningWithReadAhead(mountpoint, readAheadBytes);
    this.#isOnLoop = backing === "loop" || (backing === "auto" && !isFileBacked(release()));
  }

  probe(): Promise<DriverProbe> {
    return probeErofs();
  }

  /** Counters of the session, if a disk was mounted yet. */
  stats(): FuseSessionStats | undefined {
    return this.#opened?.stats();
  }

  async mount(disk: MountableDisk, mountpoint: string): Promise<MountedDisk> {
    const triedFile = !this.#isOnLoop;
    try {
      return await this.#mount(disk, mountpoint);
    } catch (error) {
      const needsBlockDevice = error instanceof KernelCallError && error.code === "ENOTBLK";
      if (!needsBlockDevice || !triedFile || this.#options.backing === "file") throw error;
    }
    this.#isOnLoop = true;
    return await this.#mount(disk, mountpoint);
  }

  async #mount(disk: MountableDisk, mountpoint: string): Promise<MountedDisk> {
    const session = await this.#open();
    const file = session.addDisk(this.#isOnLoop ? { ...disk, metadataBlocks: 0 } : disk);
    this.#disks.set(file.inode, disk);
    const stopPushing = this.#pushArrivals(session, file, disk);
    try {
      const mount = (): Promise<void> => this.#mountFile(session.pathOf(file), mountpoint);
      if (this.#options.readAheadBytes === 0) await mountWithoutReadAhead(mountpoint, mount);
      else if (disk.isRecorded || disk.isStreaming)
        await mountReadingAheadLater(mountpoint, () => this.#opening.around("none", mount), startMs);
      else if (disk.isWhole) await this.#opening.around("wide", mount);
      else await mount();
    } catch (error) {
      stopPushing();
      await session.closedByAll(file);
      await this.#forget(session, file);
      throw error;
    }
    return this.#mounted(mountpoint, session, file, stopPushing);
  }

  #mounted(mountpoint: string, session: FuseSession, file: DiskFile, stopPushing: () => void): ErofsMount {
    const mount: ErofsMount = new ErofsMount(mountpoint, session, file, async () => {
      stopPushing();
      this.#mounts.delete(mount);
      await this.#forget(session, file);
    });
    this.#mounts.add(mount);
    return mount;
  }

  /**
   * Puts what a start needs into the page cache while it starts, and what is still to come when it comes. Once: what the kernel evicts is read again when it is
   * asked for. Nobody waits for it: the push overtakes the start.
   */
  #pushArrivals(session: FuseSession, file: DiskFile, disk: MountableDisk): () => void {
    if (this.#options.readAheadBytes === 0 || this.#isOnLoop) return () => undefined;
    return disk.onArrived?.((runs) => void session.push(file, runs)) ?? (() => undefined);
  }

  async #mountFile(path: string, mountpoint: string): Promise<void> {
    if (!this.#isOnLoop) return await mountErofs(path, mountpoint);
    const loop = await attachLoop(path);
    try {
      await mountErofs(loop.path, mountpoint);
    } finally {
      await loop.release();
    }
  }

  async #forget(session: FuseSession, file: DiskFile): Promise<void> {
    this.#disks.delete(file.inode);
    await session.removeDisk(file);
  }

  #open(): Promise<FuseSession> {
    this.#session ??= this.#start().catch((error: unknown) => {
      this.#session = undefined; // the next mount tries again
      throw error;
    });
    return this.#session;
  }

  async #start(resumed?: FuseSessionOptions["resumed"]): Promise<FuseSession> {
    const { devices, onState, handlesFolder, onEvent, ...rest } = this.#options;
    const kept = this.#devicesUsed ? {} : { devices, onState, handlesFolder, resumed };
    this.#devicesUsed = true;
    this.#opened = await FuseSession.open({
      ...rest,
      asyncDirectReads: this.#isOnLoop,
      ...kept,
      readMiss: async (file, offset, length, signal, isResent) => {
        const disk = this.#disks.get(file.inode);
        if (disk === undefined) throw new Error(`${file.name} is not mounted any more`);
        return await disk.read(offset, length, { signal, ...(isResent && { sinceMs: 0 }) }); // at the latest
      },
      onEvent: (event) => onEvent({ driver: "erofs", kind: event.kind, error: event.error }),
    });
    return this.#opened;
  }

  /**
   * Goes on with the session of an earlier process, on the `devices` of the options: reads of these disks are answered from now on, those in flight too.
   * Each one wants {@link adopt} or {@link leave} then.
   */
  async resume(state: Omit<SessionState, "disks">, disks: readonly ResumedDisk[]): Promise<void> {
    for (const { inode, disk } of disks) this.#disks.set(inode, disk);
    const shown = disks.map(({ inode, disk }) => ({ ...disk, inode, ...(this.#isOnLoop && { metadataBlocks: 0 }) }));
    this.#session = this.#start({ ...state, disks: shown });
    await this.#session;
  }

  /** The mount of a resumed disk that is there already. Nothing is pushed: its start is over, or was pushed by the earlier process. */
  adopt(inode: number, mountpoint: string): MountedDisk {
    const { session, file } = this.#resumed(inode);
    return this.#mounted(mountpoint, session, file, () => undefined);
  }

  /** A resumed disk without a mount that we see. Resolves when nobody reads it any more and it is gone. */
  async leave(inode: number): Promise<void> {
    const { session, file } = this.#resumed(inode);
    await session.closedByAll(file);
    await this.#forget(session, file);
  }

  #resumed(inode: number): { session: FuseSession; file: DiskFile } {
    const file = this.#opened?.resumedDisk(inode);
    if (this.#opened === undefined || file === undefined) throw new Error(`inode ${inode} was not resumed`);
    return { session: this.#opened, file };
  }

  async recover(kept: ReadonlySet<string> = new Set()): Promise<readonly string[]> {
    if (this.#session !== undefined && kept.size === 0) return []; // what is mounted is this process's own
    const folder = join(this.#options.mountpoint, "/");
    const left: MountEntry[] = [];
    for (const entry of await mountTable()) {
      if (entry.type !== "erofs") continue;
      const source = (await backingOf(entry.source)) ?? entry.source;
      if (source.startsWith(folder) && !kept.has(entry.target)) left.push(entry);
    }
    return await unmountEntries(left);
  }

  async close(options?: { readonly force?: boolean | undefined }): Promise<void> {
    const force = options?.force ?? false;
    const ends = await Promise.allSettled([...this.#mounts].map((mount) => mount.unmount({ lazy: force })));
    const failure = ends.find((end) => end.status === "rejected");
    if (failure && !force) throw failure.reason;
    // By force the session ends whatever happened before: its threads read from the store, which its owner closes next.
    const session = await this.#session?.catch(() => undefined);
    await session?.close({ force });
    this.#session = undefined;
    if (failure) throw failure.reason;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close({ force: true });
  }
}

/** How long an unmount waits for the kernel to close the file. Longer only when another mount namespace kept a copy of the mount. Milliseconds. */
const graceMs = 2000;

class ErofsMount implements MountedDisk {
  readonly driver = "erofs";
  readonly mountpoint: string;
  readonly released: Promise<void>;
  readonly #session: FuseSession;
  readonly #file: DiskFile;
  readonly #onReleased: () => Promise<void>;
  #setReleased: () => void = () => undefined;
  #unmounted: Promise<void> | undefined;

  constructor(mountpoint: string, session: FuseSession, file: DiskFile, onReleased: () => Promise<void>) {
    this.mountpoint = mountpoint;
    this.#session = session;
    this.#file = file;
    this.#onReleased = onReleased;
    this.released = new Promise((resolve) => {
      this.#setReleased = resolve;
    });
  }

  unmount(options?: { readonly lazy?: boolean | undefined }): Promise<void> {
    this.#unmounted ??= this.#unmount(options?.lazy ?? false).catch((error: unknown) => {
      this.#unmounted = undefined;
      throw error;
    });
    return this.#unmounted;
  }

  async #unmount(lazy: boolean): Promise<void> {
    await unmount(this.mountpoint, { lazy });
    // The kernel closes the file a moment after the last user of the mount has gone, wherever that user lives.
    const released = this.#session.closedByAll(this.#file).then(this.#onReleased).finally(this.#setReleased);
    released.catch(() => undefined); // a connection that is over forgets its names by itself
    if (!lazy) await Promise.race([released, setTimeout(graceMs, undefined, { ref: false })]);
  }
}
