import type { AbortOptions, ByteRange, Digest } from "@sluice/oci/content";
import { type Milestones, noMilestones } from "./chunk-wait.js";
import { type ChunkPlace, type FetchCause, isSamePlace } from "./fetch-request.js";

/**
 * What somebody does with the bytes of a chunk, at once: they are written over when it has returned. What it throws is told to the one who waits.
 */
export type UseBytes = (bytes: Uint8Array) => void;

interface Waiter {
  readonly use: UseBytes;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What brings many chunks in one go. */
interface Stream {
  /** A reader waits for the chunk. */
  awaited(flight: Flight): void;
}

/** One chunk on its way, and all who wait for it. */
export class Flight {
  /** Where it is fetched from. Stays while a request brings it. */
  place: ChunkPlace;
  /** Where later waiters would have it from, the next one first: nobody is told that it cannot be had before it was asked for where he said. */
  readonly #otherPlaces: ChunkPlace[] = [];
  /** Of the most urgent waiter so far. */
  cause: FetchCause;
  waiters = 0;
  /** The last attempt that failed and was not the last there may be. */
  failure: { readonly attempts: number; readonly cause: unknown } | undefined;
  /** The request that brings it, once there is one. */
  request: RangeRequest | undefined;
  /** The stream that is to bring it. */
  stream: Stream | undefined;
  /** Called once it is in the store; not when the store could not keep it. */
  onStored: (() => void) | undefined;
  readonly passed: Milestones = noMilestones();
  readonly #waiting: Set<Waiter> = new Set();
  #bytes: Uint8Array | undefined;
  #failed: { readonly error: unknown } | undefined;

  constructor(place: ChunkPlace, cause: FetchCause) {
    this.place = place;
    this.cause = cause;
  }

  get isKnownElsewhere(): boolean {
    return this.#otherPlaces.length > 0;
  }

  /** A waiter would have it from there. A place that readers depend on goes before those that they can do without. */
  addPlace(place: ChunkPlace): void {
    if ([this.place, ...this.#otherPlaces].some((known) => isSamePlace(known, place))) return;
    if (place.isReplaceable !== true) this.#otherPlaces.unshift(place);
    else if (this.place.isReplaceable === true) this.#otherPlaces.push(place);
  }

  /** On to the next place, if there is one. @param isHopeless whether it cannot be had from the one that it leaves */
  moveOn(isHopeless: boolean): void {
    const next = this.#otherPlaces.shift();
    if (next === undefined) return;
    const left = this.place;
    this.place = next;
    if (!isHopeless && (left.isReplaceable !== true || next.isReplaceable === true)) this.#otherPlaces.push(left);
  }

  /** Has its bytes, or never will. */
  get settled(): boolean {
    return this.#bytes !== undefined || this.#failed !== undefined;
  }

  /** Resolves when `use` has had the bytes. Rejects with the signal's reason as soon as it fires; `use` is not called any more then. */
  async wait(use: UseBytes, options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    if (this.#failed !== undefined) throw this.#failed.error;
    if (this.#bytes !== undefined) return use(this.#bytes);
    let waiter: Waiter | undefined;
    const used = new Promise<void>((resolve, reject) => {
      waiter = { use, resolve, reject };
      this.#waiting.add(waiter);
    });
    try {
      await abortable(used, options);
    } finally {
      if (waiter !== undefined) this.#waiting.delete(waiter);
    }
  }

  /** Everybody has used the bytes when this returns. They stay as they are for as long as the flight is the chunk's. */
  land(bytes: Uint8Array): void {
    this.passed.landed = performance.now();
    this.#bytes = bytes;
    for (const { use, resolve, reject } of this.#waiting) {
      try {
        use(bytes);
        resolve();
      } catch (error) {
        reject(error);
      }
    }
    this.#waiting.clear();
  }

  fail(error: unknown): void {
    this.#failed = { error };
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting.clear();
  }
}

/** As `work`, but rejects with the signal's reason as soon as it fires. `work` goes on for the others. */
async function abortable<T>(work: Promise<T>, options?: AbortOptions): Promise<T> {
  const signal = options?.signal;
  if (signal === undefined) return await work;
  signal.throwIfAborted();
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** One ranged request and the chunks it is to bring, in the order of their frames. */
export interface RangeRequest {
  readonly blob: Digest;
  readonly range: ByteRange;
  readonly cause: FetchCause;
  readonly flights: Flight[];
  /** Fires when nobody wants any of its chunks. */
  readonly stop: AbortController;
  /** Once it has, its chunks come, and moving them to a more urgent request would fetch them twice. */
  started: boolean;
  /** Of the attempt under way: bytes that came since then, from this byte of the blob on. Milliseconds of `performance.now()`. */
  progress: { readonly start: number; readonly sinceMs: number; bytes: number } | undefined;
}
