import { closeSync, write } from "node:fs";
import { constants } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { DiskRun } from "@sluice/disk";
import { abortConnection, connectionOn, ensureControl, type FuseConnection } from "../kernel/connection.js";
import { abortMountSync, unmount } from "../kernel/mount.js";
import { interruptBitLow } from "../protocol/constants.js";
import { canResend, type InitParameters } from "../protocol/init.js";
import { invalEntry } from "../protocol/notify.js";
import { emptyReply } from "../protocol/reply.js";
import { DiskPushes } from "../push/disk-pushes.js";
import type { PushCounts } from "../push/push-counts.js";
import type { PushLimits } from "../push/pusher.js";
import type { FuseStats } from "../serve/counters.js";
import { sendPieces } from "../serve/device.js";
import type { DiskFile } from "../serve/disk-file.js";
import type { DiskChange } from "../serve/disk-files.js";
import type { LatencyCounts } from "../serve/latency.js";
import type { MissMessage, WorkerMessage } from "../serve/messages.js";
import { OpenHandles } from "../serve/open-handles.js";
import { DiskDirectory, type NewDisk } from "./disk-directory.js";
import type { FuseEvent } from "./fuse-events.js";
import { Misses, type ReadMiss } from "./misses.js";
import { type FuseConnectionState, openConnection, resumeConnection } from "./open-connection.js";
import { OpenCounts } from "./open-counts.js";
import { type ChunkReaders, WorkerPool } from "./worker-pool.js";

const writeLater = promisify(write);

export interface FuseSessionOptions {
  /** The directory that shows the disks. Made if need be. */
  readonly mountpoint: string;
  readonly chunks: ChunkReaders;
  readonly readMiss: ReadMiss;
  readonly onEvent: (event: FuseEvent) => void;
  /** A chunk whose next use was asked for was used. @see SharedChunkReaderOptions of `@sluice/store` */
  readonly onMark?: ((slot: number) => void) | undefined;
  /** Threads that answer requests. */
  readonly workers?: number | undefined;
  /** Every read is answered before this has passed. Milliseconds. */
  readonly deadlineMs?: number | undefined;
  /** How far the kernel reads ahead of a sequential reader of a disk. */
  readonly readAheadBytes?: number | undefined;
  /** Lets a loop device over a disk have many reads under way; direct reads are then not interrupted. */
  readonly asyncDirectReads?: boolean | undefined;
  /** How much may be put into the page cache unasked. */
  readonly push?: PushLimits | undefined;
  /**
   * Descriptors of /dev/fuse that a keeper holds, too: the session, its mount and what is mounted on its disks outlive this process, unless it closes the session.
   */
  readonly devices?: readonly number[] | undefined;
  /** What an earlier process served on these `devices`: served on instead of a new connection, and requests in flight are asked for again. */
  readonly resumed?: ResumedSession | undefined;
  /** Called before the kernel can learn of a change, with all that {@link resumed} will need. What it throws ends the change. */
  readonly onState?: ((state: SessionState) => void) | undefined;
  /** Where openings of disks are recorded, so that the next process knows of them. A folder of this session alone. */
  readonly handlesFolder?: string | undefined;
  /** Module that exports `openChunkReader`; for tests. A URL. */
  readonly readerModule?: string | undefined;
}

/** What the next process needs besides the descriptors. Plain data. */
export interface SessionState {
  readonly mountpoint: string;
  readonly init: InitParameters;
  readonly nextInode: number;
  readonly disks: readonly { readonly inode: number; readonly name: string }[];
}

/** A session to go on with: its disks have the inodes that the kernel knows them by. A disk that is left out is gone: its readers get ESTALE. */
export interface ResumedSession extends Omit<SessionState, "disks"> {
  readonly disks: readonly NewDisk[];
}

export const defaultFuseConfig: {
  readonly workers: number;
  readonly deadlineMs: number;
  readonly readAheadBytes: number;
  readonly push: PushLimits;
} = {
  workers: 2, // measured on two cores: a third one gains nothing
  deadlineMs: 60_000, // as long as a registry may be away before a container should hear of it
  readAheadBytes: 128 * 1024, // the kernel's own; 1 MiB is a third faster for hits and brings chunks that nobody reads
  push: { maxBytesPerDisk: 2 ** 30, minAvailableShare: 0.1 },
};

export interface FuseSessionStats extends FuseStats {
  /** Misses that wait for their answer now. */
  readonly waiting: number;
  readonly missTimes: LatencyCounts;
  /** Misses that were answered with EIO because their deadline had passed. */
  readonly deadlinesMissed: number;
  /** Of every kind, that the kernel has made. */
  readonly requests: number;
  readonly push: PushCounts;
}

const limitsOf = (options: FuseSessionOptions): PushLimits => options.push ?? defaultFuseConfig.push;

/** Where nothing may be pushed, workers need not tell of pages whose neighbours are wanted. */
const asPushed = (disk: NewDisk, options: FuseSessionOptions): NewDisk =>
  limitsOf(options).maxBytesPerDisk === 0 ? { ...disk, metadataBlocks: 0 } : disk;

/** How long the workers may take to notice that the mount is gone before the connection is ended by force. Milliseconds. */
const graceMs = 2000;
/** An interrupt that overtook its request is sent again by the kernel when asked to, after this pause. Milliseconds. */
const interruptAgainMs = 5;

/**
 * One FUSE mount: a flat, read-only directory with a file per disk, for root alone, answered by worker threads.
 *
 * A process with a living session cannot end by itself, since its workers wait inside the kernel: {@link close} it. `process.exit` ends the connection, and
 * with it every mount on top.
 */
export class FuseSession implements AsyncDisposable {
  readonly mountpoint: string;
  readonly #options: FuseSessionOptions;
  readonly #connection: FuseConnectionState;
  readonly #control: FuseConnection | undefined;
  readonly #disks: DiskDirectory;
  readonly #misses: Misses;
  readonly #pushes: DiskPushes;
  readonly #pool: WorkerPool;
  readonly #opens: OpenCounts;
  readonly #atExit: () => void;
  #closed: Promise<void> | undefined;

  private constructor(
    options: FuseSessionOptions,
    connection: FuseConnectionState,
    control: FuseConnection | undefined,
  ) {
    this.#options = options;
    this.#connection = connection;
    this.#control = control;
    this.mountpoint = connection.mountpoint;
    this.#disks = new DiskDirectory(connection.nextInode);
    for (const disk of options.resumed?.disks ?? []) this.#disks.add(asPushed(disk, options));
    const { onEvent, handlesFolder } = options;
    const handles = handlesFolder === undefined ? undefined : new OpenHandles(handlesFolder);
    if (options.resumed === undefined) handles?.clear();
    this.#opens = new OpenCounts(handles?.counts());
    this.#misses = new Misses({
      readMiss: options.readMiss,
      deadlineMs: options.deadlineMs ?? defaultFuseConfig.deadlineMs,
      onFailure: (error) => onEvent({ kind: "read-failed", error }),
      onWaiting: (miss) => this.#pushes.enterRead(miss),
    });
    const common = {
      chunks: options.chunks,
      readerModule: options.readerModule ?? new URL("../serve/store-reader.js", import.meta.url).href,
      handlesFolder,
      canResend: canResend(connection.init),
      disks: () => [...this.#disks.values()].map((disk) => ({ kind: "add", disk }) as const),
    };
    this.#pushes = new DiskPushes({
      ...common,
      sessionFd: connection.fds[0] ?? -1,
      pathOf: (disk) => this.pathOf(disk),
      limits: limitsOf(options),
      onFailure: (error) => onEvent({ kind: "push-failed", error }),
      onStopped: (error) => onEvent({ kind: "push-stopped", error }),
    });
    this.#pool = new WorkerPool({
      ...common,
      fds: connection.fds,
      onMessage: (thread, message) => this.#hear(thread, message),
      onEvent,
      onHopeless: (error) => {
        onEvent({ kind: "session-failed", error });
        this.abort();
      },
    });
    void this.#pool.ended().then(() => {
      if (this.#closed !== undefined) return;
      onEvent({ kind: "session-failed", error: new Error("the connection was ended from outside") });
    });
    this.#atExit = () => {
      if (options.devices !== undefined) return; // the next process goes on
      this.abort();
      abortMountSync(this.mountpoint);
    };
    process.once("exit", this.#atExit);
  }

  /** Mounts and serves. @throws {MountInUseError} @throws {KernelCallError} @throws {FuseProtocolError} */
  static async open(options: FuseSessionOptions): Promise<FuseSession> {
    await ensureControl();
    const { devices, resumed } = options;
    const connection =
      devices !== undefined && resumed !== undefined
        ? resumeConnection(resumed, devices)
        : await openConnection(resolve(options.mountpoint), {
            workers: options.workers ?? defaultFuseConfig.workers,
            readAheadBytes: options.readAheadBytes ?? defaultFuseConfig.readAheadBytes,
            asyncDirectReads: options.asyncDirectReads,
            devices,
          });
    const session = new FuseSession(options, connection, await connectionOn(connection.mountpoint));
    try {
      options.onState?.(session.state);
      await session.#pool.ready();
      if (resumed !== undefined) session.#pool.resend();
      return session;
    } catch (error) {
      if (resumed === undefined) await session.close({ force: true }); // else the next process may do better
      throw error;
    }
  }

  /** What another process needs to go on serving this mount, together with its descriptors and the contents of the disks. */
  get state(): SessionState {
    const disks = [...this.#disks.values()].map(({ inode, name }) => ({ inode, name }));
    return { mountpoint: this.mountpoint, init: this.#connection.init, nextInode: this.#disks.nextInode, disks };
  }

  /** Shows one more disk; once this returns, it can be opened. @throws {RangeError} if the disk is none, or its name is taken */
  addDisk(disk: NewDisk): DiskFile {
    const file = this.#disks.add(asPushed(disk, this.#options));
    try {
      this.#options.onState?.(this.state);
    } catch (error) {
      this.#disks.remove(file.inode);
      throw error;
    }
    this.#tellAll({ kind: "add", disk: file });
    return file;
  }

  /**
   * Puts blocks that are in the store into the kernel's page cache, where whoever reads them finds them without a request; blocks that are not there, and blocks that
   * somebody waits for, are left out. A thread of its own does it. Resolves when it has done what it could; nothing depends on it, and it never fails.
   *
   * @throws {RangeError} unless the runs lie inside the disk
   */
  async push(disk: DiskFile, runs: readonly DiskRun[]): Promise<void> {
    await this.#pushes.push(disk, runs);
  }

  #tellAll(change: DiskChange): void {
    this.#pool.tell(change);
    this.#pushes.tell(change);
  }

  /** Where the file of a disk is. */
  pathOf(disk: DiskFile): string {
    return join(this.mountpoint, disk.name);
  }

  /**
   * Resolves when nobody has the disk's file open: after a mount on it is gone, lazily or not. An opening is known here a moment after open(2) has returned.
   */
  closedByAll(disk: DiskFile): Promise<void> {
    return this.#opens.closed(disk.inode);
  }

  /** Hides a disk. Who has it open reads ESTALE from now on; unmount what is on it first. */
  async removeDisk(disk: DiskFile): Promise<void> {
    if (this.#disks.remove(disk.inode) === undefined) return;
    this.#tellAll({ kind: "remove", inode: disk.inode });
    await this.#pushes.forget(disk.inode);
    const [fd] = this.#connection.fds;
    // Takes a lock that a LOOKUP in flight holds, so not on this thread. ENOENT: the kernel had forgotten the name already.
    if (fd !== undefined) await writeLater(fd, invalEntry(disk.name)).catch(() => undefined);
    this.#options.onState?.(this.state);
  }

  /** A disk that an earlier process showed. */
  resumedDisk(inode: number): DiskFile | undefined {
    return this.#disks.inode(inode);
  }

  stats(): FuseSessionStats {
    const counts = this.#pool.stats();
    const { lookups, getattrs, opens, readdirs, forgets, interrupts, others, reads } = counts;
    const requests = lookups + getattrs + opens + readdirs + forgets + interrupts + others + reads;
    const { count: waiting, times: missTimes, deadlinesMissed } = this.#misses;
    return { ...counts, waiting, missTimes, deadlinesMissed, requests, push: this.#pushes.stats() };
  }

  #hear(thread: number, message: WorkerMessage): void {
    if (message.kind === "miss") this.#miss(thread, message);
    else if (message.kind === "interrupt") this.#interrupt(message.uniqueLow, message.uniqueHigh);
    else if (message.kind === "opens") this.#opens.change(message.inode, message.change);
    else if (message.kind === "page") this.#pushAround(message.inode, message.block);
    else if (message.kind === "mark") this.#options.onMark?.(message.slot);
    else if (message.kind === "failure") {
      this.#options.onEvent({ kind: "request-failed", what: message.what, error: message.error });
    }
  }

  #miss(thread: number, miss: MissMessage): void {
    const fd = this.#connection.fds[thread] ?? -1;
    const disk = this.#disks.inode(miss.inode);
    if (disk === undefined) {
      sendPieces(fd, [emptyReply(miss.uniqueLow, miss.uniqueHigh, constants.errno.ESTALE)]);
      return;
    }
    void this.#misses.serve(miss, disk, (pieces) => sendPieces(fd, pieces));
  }

  #pushAround(inode: number, block: number): void {
    const disk = this.#disks.inode(inode);
    if (disk !== undefined && this.#closed === undefined) this.#pushes.pushAround(disk, block);
  }

  /** Not known (yet): the kernel is asked to say it again, unless the request has been answered meanwhile. */
  #interrupt(low: number, high: number): void {
    if (this.#misses.interrupt(low, high)) return;
    setTimeout(() => {
      for (const fd of this.#connection.fds) {
        if (this.#closed === undefined) {
          sendPieces(fd, [emptyReply(low | interruptBitLow, high, constants.errno.EAGAIN)]);
        }
      }
    }, interruptAgainMs).unref();
  }

  /** Ends the connection now: every reader, and everything mounted on the disks, gets errors. Synchronous. */
  abort(): void {
    if (this.#control !== undefined && abortConnection(this.#control)) return;
    abortMountSync(this.mountpoint);
  }

  /**
   * Unmounts and ends the threads.
   *
   * @param options `force` ends the connection even if somebody uses it
   * @throws {MountBusyError} without `force`, when somebody does; the session goes on then
   */
  close(options?: { readonly force?: boolean | undefined }): Promise<void> {
    this.#closed ??= this.#close(options?.force ?? false).catch((error: unknown) => {
      this.#closed = undefined;
      throw error;
    });
    return this.#closed;
  }

  async #close(force: boolean): Promise<void> {
    if (force) this.abort();
    await this.#pushes.lookedUp();
    const failure = await unmount(this.mountpoint, { lazy: force }).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    if (failure && !force) throw failure.error;
    this.#misses.abort(new Error("the FUSE mount is closed"));
    // Another mount namespace may hold a copy of the mount, which keeps the connection alive.
    const timer = setTimeout(() => this.abort(), graceMs);
    await this.#pool.ended();
    clearTimeout(timer);
    await this.#pushes.close();
    this.#opens.clear();
    process.off("exit", this.#atExit);
    const { fds, holder } = this.#connection;
    for (const fd of holder === undefined ? fds : [...fds, holder]) closeSync(fd);
    if (failure) throw failure.error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close({ force: true });
  }
}
