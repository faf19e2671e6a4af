/** Int32 words a thread: state, unique low, unique high; a cache line each. Bytes. */
const strideBytes = 64;
const held = 1;

/** Room for the hands of `threads` threads. */
export const createHands = (threads: number): SharedArrayBuffer => new SharedArrayBuffer(threads * strideBytes);

/**
 * Which request a worker has in hand, where the main thread can see it after the worker died: a request that was read from the device and not answered would
 * otherwise hang its reader for ever.
 */
export class Hand {
  readonly #words: Uint32Array;

  constructor(shared: SharedArrayBuffer, thread: number) {
    this.#words = new Uint32Array(shared, thread * strideBytes, 3);
  }

  take(uniqueLow: number, uniqueHigh: number): void {
    this.#words[1] = uniqueLow;
    this.#words[2] = uniqueHigh;
    this.#words[0] = held;
  }

  /** It was answered, or somebody else will. */
  release(): void {
    this.#words[0] = 0;
  }

  /** Of a worker that has ended: what it left unanswered. */
  left(): { readonly low: number; readonly high: number } | undefined {
    if (this.#words[0] !== held) return undefined;
    return { low: this.#words[1] ?? 0, high: this.#words[2] ?? 0 };
  }
}
