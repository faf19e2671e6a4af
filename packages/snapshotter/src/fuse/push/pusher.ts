import type { DiskRun } from "@sluice/disk";
import { blockSizeBytes } from "@sluice/disk/blocks";
import type { DiskFile } from "../serve/disk-file.js";
import type { DiskChange } from "../serve/disk-files.js";
import type { ChunkReaders } from "../session/worker-pool.js";
import type { PushReport } from "./messages.js";
import { addCounts, noPushes, type PushCounts } from "./push-counts.js";
import { type PushBatch, PushQueue } from "./push-queue.js";
import { PushThread } from "./push-thread.js";

export interface PushLimits {
  /** Of one disk, in the life of its file. 0 pushes nothing. Bytes. */
  readonly maxBytesPerDisk: number;
  /** Below this share of the machine's memory that is to be had, nothing is pushed. 0 to 1. */
  readonly minAvailableShare: number;
}

export interface PusherOptions {
  /** A descriptor of the connection. */
  readonly sessionFd: number;
  readonly chunks: ChunkReaders;
  readonly readerModule: string;
  readonly readsInFlight: SharedArrayBuffer;
  readonly limits: PushLimits;
  /** The disks that are there now, for a thread that starts. */
  readonly disks: () => Iterable<DiskChange>;
  readonly onFailure: (error: unknown) => void;
  /** The thread died too often: nothing is pushed from now on. */
  readonly onStopped: (error: unknown) => void;
}

/** Batches that the thread has in hand: one, and the next one so that it never waits for this thread. */
const maxInHand = 2;
/** More deaths than this are no accident. */
const maxDeaths = 3;

interface Waiting {
  batches: number;
  readonly resolve: () => void;
}

/** Has runs of disks pushed by a thread of its own, which starts with the first of them. Everything may be given up, nothing waits for it. */
export class Pusher {
  readonly #options: PusherOptions;
  readonly #queue = new PushQueue();
  readonly #counts: PushCounts = noPushes();
  /** Bytes asked for, by disk. */
  readonly #asked = new Map<number, number>();
  readonly #owners = new Map<PushBatch, Waiting>();
  /** What the thread has been told to push and has not reported, oldest first. */
  #inHand: PushBatch[] = [];
  #idle: { readonly inode: number; readonly resolve: () => void }[] = [];
  #running: { readonly thread: PushThread; readonly reader: number } | undefined;
  #deaths = 0;
  #closed = false;

  constructor(options: PusherOptions) {
    this.#options = options;
  }

  /** What became of everything so far. */
  stats(): PushCounts {
    return { ...this.#counts };
  }

  /**
   * Resolves when nothing of these runs waits any more, pushed or given up.
   *
   * @param why `asked-for`: a read has shown that they are wanted, so the disk's share is not for them
   * @throws {RangeError} unless they lie inside the disk
   */
  push(disk: DiskFile, runs: readonly DiskRun[], why: "foreseen" | "asked-for" = "foreseen"): Promise<void> {
    requireInside(disk, runs);
    const wanted = runs.filter(({ blocks }) => blocks > 0);
    if (!this.#isWelcome(disk.inode, wanted, why)) return Promise.resolve();
    const batches = this.#queue.add(disk.inode, wanted);
    if (batches.length === 0) {
      this.#drop(wanted);
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const waiting: Waiting = { batches: batches.length, resolve };
      for (const batch of batches) this.#owners.set(batch, waiting);
      this.#feed();
    });
  }

  tell(change: DiskChange): void {
    this.#running?.thread.tell(change);
  }

  /** Gives up what waits for the disk. Resolves when the thread has nothing of it in hand. */
  async forget(inode: number): Promise<void> {
    this.#asked.delete(inode);
    for (const batch of this.#queue.remove(inode)) this.#giveUp(batch);
    if (!this.#inHand.some((batch) => batch.inode === inode)) return;
    await new Promise<void>((resolve) => this.#idle.push({ inode, resolve }));
  }

  /** Ends the thread. The connection must be over, or without a read in flight, or this may wait for one. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const batch of this.#queue.remove()) this.#giveUp(batch);
    await this.#running?.thread.end();
    this.#loseThread();
  }

  #isWelcome(inode: number, runs: readonly DiskRun[], why: "foreseen" | "asked-for"): boolean {
    if (runs.length === 0) return false;
    const { maxBytesPerDisk } = this.#options.limits;
    const asked = (this.#asked.get(inode) ?? 0) + (why === "foreseen" ? bytesOf(runs) : 0);
    if (this.#closed || this.#deaths > maxDeaths || maxBytesPerDisk === 0 || asked > maxBytesPerDisk) {
      this.#drop(runs);
      return false;
    }
    this.#asked.set(inode, asked);
    return true;
  }

  #feed(): void {
    while (this.#inHand.length < maxInHand) {
      const batch = this.#queue.next();
      if (batch === undefined) return;
      this.#inHand.push(batch);
      this.#runningThread().tell({ kind: "push", inode: batch.inode, runs: batch.runs });
    }
  }

  #runningThread(): PushThread {
    if (this.#running !== undefined) return this.#running.thread;
    const { sessionFd, chunks, readerModule, readsInFlight, limits, disks } = this.#options;
    const reader = chunks.addReader();
    const { minAvailableShare } = limits;
    const thread = new PushThread(
      { sessionFd, reader, readerModule, readerShared: chunks.shared, readsInFlight, minAvailableShare },
      (report) => this.#hear(report),
    );
    for (const change of disks()) thread.tell(change);
    void thread.ended.then((cause) => {
      if (!this.#closed) this.#onDeath(cause);
    });
    this.#running = { thread, reader };
    return thread;
  }

  #hear(report: PushReport): void {
    if (report.kind === "failure") {
      this.#options.onFailure(report.error);
      return;
    }
    addCounts(this.#counts, report.counts);
    const batch = this.#inHand.shift();
    if (batch !== undefined) this.#settle(batch);
    if (!this.#closed) this.#feed();
  }

  /** What it had in hand is given up; what waits goes to the next thread, if there is to be one. */
  #onDeath(cause: unknown): void {
    this.#deaths++;
    this.#loseThread();
    this.#options.onFailure(cause);
    if (this.#deaths <= maxDeaths) {
      this.#feed();
      return;
    }
    for (const batch of this.#queue.remove()) this.#giveUp(batch);
    this.#options.onStopped(cause);
  }

  #loseThread(): void {
    if (this.#running !== undefined) this.#options.chunks.removeReader(this.#running.reader);
    this.#running = undefined;
    for (const batch of this.#inHand.splice(0)) this.#giveUp(batch);
  }

  #drop(runs: readonly DiskRun[]): void {
    this.#counts.droppedBytes += bytesOf(runs);
  }

  #giveUp(batch: PushBatch): void {
    this.#drop(batch.runs);
    this.#settle(batch);
  }

  #settle(batch: PushBatch): void {
    const waiting = this.#owners.get(batch);
    this.#owners.delete(batch);
    if (waiting !== undefined && --waiting.batches === 0) waiting.resolve();
    const isIdle = (inode: number): boolean => !this.#inHand.some((other) => other.inode === inode);
    for (const { inode, resolve } of this.#idle) if (isIdle(inode)) resolve();
    this.#idle = this.#idle.filter(({ inode }) => !isIdle(inode));
  }
}

const bytesOf = (runs: readonly DiskRun[]): number =>
  runs.reduce((sum, { blocks }) => sum + blocks * blockSizeBytes, 0);

/** The kernel would make the file longer. */
function requireInside(disk: DiskFile, runs: readonly DiskRun[]): void {
  for (const { startBlock, blocks } of runs) {
    const isRun = Number.isSafeInteger(startBlock) && Number.isSafeInteger(blocks) && startBlock >= 0 && blocks >= 0;
    if (isRun && (startBlock + blocks) * blockSizeBytes <= disk.sizeBytes) continue;
    throw new RangeError(`${disk.name}: ${blocks} blocks from block ${startBlock} on lie outside the disk`);
  }
}
