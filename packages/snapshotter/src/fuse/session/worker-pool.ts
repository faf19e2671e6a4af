import { constants } from "node:os";
import { resentBitHigh } from "../protocol/constants.js";
import { resendAll } from "../protocol/notify.js";
import { emptyReply } from "../protocol/reply.js";
import { createCounters, type FuseStats, sumCounters } from "../serve/counters.js";
import { sendPieces } from "../serve/device.js";
import type { DiskChange } from "../serve/disk-files.js";
import { createHands, Hand } from "../serve/hand.js";
import type { WorkerMessage } from "../serve/messages.js";
import type { FuseEvent } from "./fuse-events.js";
import { FuseWorker } from "./fuse-worker.js";

/** Where the workers find stored chunks. A chunk store of `@sluice/store` has this shape. */
export interface ChunkReaders {
  /** Handed to each worker as it is. */
  readonly shared: unknown;
  /** A number for one more reader, free again after {@link removeReader}. */
  addReader(): number;
  /** The reader's thread has ended, perhaps in the middle of a read. */
  removeReader(reader: number): void;
}

export interface WorkerPoolOptions {
  /** Descriptors of /dev/fuse, one a worker. */
  readonly fds: readonly number[];
  readonly chunks: ChunkReaders;
  readonly readerModule: string;
  /** Where openings are recorded. */
  readonly handlesFolder?: string | undefined;
  /** Whether the kernel sends requests again that somebody read and did not answer. */
  readonly canResend: boolean;
  /** The disks that are there now, for a worker that starts. */
  readonly disks: () => Iterable<DiskChange>;
  readonly onMessage: (thread: number, message: WorkerMessage) => void;
  readonly onEvent: (event: FuseEvent) => void;
  /** Workers die again and again. */
  readonly onHopeless: (error: unknown) => void;
}

/** More deaths than this within {@link deathWindowMs} are no accident. */
const maxDeaths = 10;
const deathWindowMs = 10_000;

/** The worker threads of a session, one per descriptor, replaced when they die. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #counters: SharedArrayBuffer;
  readonly #hands: SharedArrayBuffer;
  readonly #epoch: SharedArrayBuffer = new SharedArrayBuffer(4);
  readonly #workers: Map<number, FuseWorker> = new Map();
  readonly #ends: Promise<void>[];
  #deaths: number[] = [];
  /** Requests that a worker died over, the latest of them. */
  #fatal: string[] = [];

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#counters = createCounters(options.fds.length);
    this.#hands = createHands(options.fds.length);
    this.#ends = options.fds.map((_, thread) => this.#run(thread));
  }

  /** Resolves when every worker takes requests. */
  async ready(): Promise<void> {
    await Promise.all([...this.#workers.values()].map((worker) => worker.ready));
  }

  /** Resolves when every worker has ended because the connection is over. */
  async ended(): Promise<void> {
    await Promise.all(this.#ends);
  }

  /** Once this returns, no worker takes another request without knowing. */
  tell(change: DiskChange): void {
    for (const worker of this.#workers.values()) worker.tell(change);
    Atomics.add(new Int32Array(this.#epoch), 0, 1);
  }

  /** Has every request that was read and not answered sent again, if the kernel can. @throws when the device is broken */
  resend(): void {
    const [fd] = this.#options.fds;
    if (this.#options.canResend && fd !== undefined) sendPieces(fd, [resendAll()]);
  }

  stats(): FuseStats {
    return sumCounters(this.#counters, this.#options.fds.length);
  }

  /** Runs one worker after the other on the same descriptor until the connection is over. */
  async #run(thread: number): Promise<void> {
    let isOver = false;
    while (!isOver && !this.#isHopeless()) {
      isOver = await this.#runOnce(thread);
    }
  }

  async #runOnce(thread: number): Promise<boolean> {
    const { fds, chunks, readerModule, onMessage, onEvent } = this.#options;
    const fd = fds[thread] ?? -1;
    const reader = chunks.addReader();
    const start = {
      ...{ fd, thread, reader, readerModule, readerShared: chunks.shared },
      handlesFolder: this.#options.handlesFolder,
      ...{ counters: this.#counters, hands: this.#hands, epoch: this.#epoch },
    };
    let cause: unknown = new Error("the thread ended");
    const worker = new FuseWorker(
      start,
      this.#options.disks(),
      (message) => onMessage(thread, message),
      (error) => {
        cause = error;
      },
    );
    this.#workers.set(thread, worker);
    const isOver = await worker.ended;
    this.#workers.delete(thread);
    chunks.removeReader(reader);
    if (isOver) return true;
    this.#answerFor(thread, fd);
    onEvent({ kind: "worker-died", thread, error: cause });
    this.#noteDeath(cause);
    return false;
  }

  /** The request that the dead worker had in hand comes again. One over which two workers died, and where none comes again, gets EIO. */
  #answerFor(thread: number, fd: number): void {
    const hand = new Hand(this.#hands, thread);
    const left = hand.left();
    hand.release();
    if (left === undefined) return;
    try {
      const name = `${left.low} ${left.high & ~resentBitHigh}`;
      const isFirst = !this.#fatal.includes(name);
      this.#fatal = [...this.#fatal, name].slice(-maxDeaths);
      if (this.#options.canResend && isFirst) this.resend();
      else sendPieces(fd, [emptyReply(left.low, left.high, constants.errno.EIO)]);
    } catch (error) {
      // EINVAL: it had no answer to give (FORGET), or gave it just before it died.
      this.#options.onEvent({ kind: "request-failed", what: "the request of a dead worker", error });
    }
  }

  #noteDeath(error: unknown): void {
    const now = performance.now();
    this.#deaths = [...this.#deaths.filter((at) => now - at < deathWindowMs), now];
    if (this.#deaths.length === maxDeaths) this.#options.onHopeless(error);
  }

  #isHopeless(): boolean {
    return this.#deaths.length >= maxDeaths;
  }
}
