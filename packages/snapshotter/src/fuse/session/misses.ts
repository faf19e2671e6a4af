import { constants } from "node:os";
import { resentBitHigh } from "../protocol/constants.js";
import { emptyReply, replyHeader } from "../protocol/reply.js";
import type { DiskFile } from "../serve/disk-file.js";
import { Latency, type LatencyCounts } from "../serve/latency.js";
import type { MissMessage } from "../serve/messages.js";
import { isDying } from "./waiting-thread.js";

const { errno } = constants;

/**
 * The bytes of a disk, from wherever they are to be had, verified: exactly `length` of them, which lie inside the disk. Must give up when the signal fires;
 * its result is ignored then.
 *
 * @param isResent the kernel asked an earlier process for it, too
 */
export type ReadMiss = (
  disk: DiskFile,
  offset: number,
  length: number,
  signal: AbortSignal,
  isResent: boolean,
) => Promise<Uint8Array>;

/** A read was answered with EIO. The cause says why. */
export class ReadFailedError extends Error {
  override readonly name = "ReadFailedError";
  readonly code = "READ_FAILED";
  readonly disk: string;
  readonly offset: number;
  readonly length: number;

  constructor(disk: string, offset: number, length: number, options: { readonly cause: unknown }) {
    const why = options.cause instanceof Error ? options.cause.message : String(options.cause);
    super(`${disk}: ${length} bytes at ${offset} could not be read, the reader got EIO: ${why}`, options);
    this.disk = disk;
    this.offset = offset;
    this.length = length;
  }
}

export class ReadDeadlineError extends Error {
  override readonly name = "ReadDeadlineError";
  readonly code = "READ_DEADLINE";
  readonly deadlineMs: number;
  constructor(deadlineMs: number, options?: { readonly cause: Error }) {
    const why = options === undefined ? "" : `: ${options.cause.message}`;
    super(`the deadline of ${deadlineMs / 1000} s has passed${why}`, options);
    this.deadlineMs = deadlineMs;
  }

  /** The same with what the read was waiting for, unless `error` only says that it was told to stop. */
  because(error: unknown): ReadDeadlineError {
    const saysNothing = error === this || !(error instanceof Error) || error.name === "AbortError";
    return saysNothing ? this : new ReadDeadlineError(this.deadlineMs, { cause: error });
  }
}

/** Nobody waits for the answer any more. The reason of a signal. */
export class ReaderGoneError extends Error {
  override readonly name = "ReaderGoneError";
  readonly code = "READER_GONE";
}

export interface MissOptions {
  readonly readMiss: ReadMiss;
  /** Every miss is answered before this has passed since it came. Milliseconds. */
  readonly deadlineMs: number;
  /** Told of every read that is answered with EIO. Must not throw. */
  readonly onFailure: (error: ReadFailedError) => void;
  /** Told of each miss, that it waits; what it returns is told when it was answered. */
  readonly onWaiting?: ((miss: MissMessage) => () => void) | undefined;
}

/** How an answer gets out: on the descriptor its request was read from, in one piece. */
export type Answer = (pieces: readonly Uint8Array[]) => void;

interface Pending {
  readonly stop: AbortController;
  readonly tid: number;
  interrupted: boolean;
  answered: boolean;
}

/** A reader that was sent a signal is looked at again this often, until it dies or has its answer. Milliseconds. */
const lookAgainMs = 200;

/** The bit of a second delivery is not part of the request's name. */
const keyOf = (low: number, high: number): number => (high & ~resentBitHigh) * 2 ** 32 + low;

/** The requests that wait for the network, and their answers: each exactly one, before its deadline. */
export class Misses {
  readonly #options: MissOptions;
  readonly #pending: Map<number, Pending> = new Map();
  readonly #times = new Latency();
  #deadlinesMissed = 0;

  constructor(options: MissOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#pending.size;
  }

  /** Of the misses that were answered, whatever with: from when they came here. */
  get times(): LatencyCounts {
    return this.#times.counts();
  }

  /** Misses that were answered with EIO because their deadline had passed. */
  get deadlinesMissed(): number {
    return this.#deadlinesMissed;
  }

  /** Answers one miss; never rejects. */
  async serve(miss: MissMessage, disk: DiskFile, answer: Answer): Promise<void> {
    const key = keyOf(miss.uniqueLow, miss.uniqueHigh);
    const cameMs = performance.now();
    const stop = new AbortController();
    const { deadlineMs, readMiss } = this.#options;
    const timer = setTimeout(() => stop.abort(new ReadDeadlineError(deadlineMs)), deadlineMs);
    const pending: Pending = { stop, tid: miss.pid, interrupted: false, answered: false };
    this.#pending.set(key, pending);
    const onAnswered = this.#options.onWaiting?.(miss);
    try {
      const isResent = (miss.uniqueHigh & resentBitHigh) !== 0;
      const read = readMiss(disk, miss.offset, miss.length, stop.signal, isResent);
      const bytes = await orAborted(read, stop.signal);
      if (bytes.byteLength !== miss.length) {
        throw new RangeError(`asked for ${miss.length} bytes, the source gave ${bytes.byteLength}`);
      }
      answer([replyHeader(miss.uniqueLow, miss.uniqueHigh, 0, miss.length), bytes]);
    } catch (error) {
      this.#fail(miss, disk, answer, error);
    } finally {
      clearTimeout(timer);
      this.#times.add(performance.now() - cameMs);
      if (stop.signal.reason instanceof ReadDeadlineError) this.#deadlinesMissed++;
      onAnswered?.();
      pending.answered = true;
      if (this.#pending.get(key) === pending) this.#pending.delete(key); // else it came again meanwhile
    }
  }

  #fail(miss: MissMessage, disk: DiskFile, answer: Answer, cause: unknown): void {
    const isGone = cause instanceof ReaderGoneError;
    if (!isGone) this.#options.onFailure(new ReadFailedError(disk.name, miss.offset, miss.length, { cause }));
    try {
      answer([emptyReply(miss.uniqueLow, miss.uniqueHigh, isGone ? errno.EINTR : errno.EIO)]);
    } catch (error) {
      this.#options.onFailure(new ReadFailedError(disk.name, miss.offset, miss.length, { cause: error }));
    }
  }

  /**
   * The kernel says that the waiting thread got a signal. Only one that kills it ends the read: a page that a file system on top of this one reads for a thread must
   * not fail because of a signal that the thread survives (it would see EIO or SIGBUS, and Go programs send themselves signals all the time).
   *
   * @returns false if no such request waits here (yet)
   */
  interrupt(uniqueLow: number, uniqueHigh: number): boolean {
    const pending = this.#pending.get(keyOf(uniqueLow, uniqueHigh));
    if (pending === undefined) return false;
    if (!pending.interrupted) {
      pending.interrupted = true;
      void this.#endWhenDying(pending);
    }
    return true;
  }

  async #endWhenDying(pending: Pending): Promise<void> {
    while (!pending.stop.signal.aborted && !pending.answered) {
      if (await isDying(pending.tid)) {
        pending.stop.abort(new ReaderGoneError("the reader was killed"));
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, lookAgainMs).unref());
    }
  }

  /** Ends every miss, as after the end of the connection. */
  abort(reason: Error): void {
    for (const pending of this.#pending.values()) pending.stop.abort(reason);
  }
}

/**
 * The result of `work`, or the signal's reason if that comes first. Work that ends later is ignored; at a deadline it has a moment to say what it has been waiting for.
 */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      const { reason } = signal;
      if (reason instanceof ReadDeadlineError) setImmediate(() => reject(reason));
      else reject(reason as Error); // this file's own controller, aborted with errors only
    };
    const failed = (error: unknown): void => {
      const { reason } = signal;
      reject(reason instanceof ReadDeadlineError ? reason.because(error) : error);
    };
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, failed).finally(() => signal.removeEventListener("abort", stop));
  });
}
