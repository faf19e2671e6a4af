import { setTimeout as sleep, setImmediate as soon } from "node:timers/promises";
import { ReadersStuckError } from "./store-errors.js";
import { maxReaders, readerCounter, readerView, type StoreShared } from "./store-shared.js";

/** How long who changes the store waits for readers before it gives up. A read of a healthy disk takes microseconds. Milliseconds. */
export const readersPatienceMs = 5000;

/** The owner's side of the readers: hands out their numbers, and waits until none of them can be inside an old read. */
export class ReaderRegistry {
  readonly #shared: StoreShared;
  readonly #active: Set<number> = new Set();

  constructor(shared: StoreShared) {
    this.#shared = shared;
  }

  add(): number {
    for (let reader = 0; reader < maxReaders; reader++) {
      if (this.#active.has(reader)) continue;
      this.#active.add(reader);
      return reader;
    }
    throw new RangeError(`chunk store: ${maxReaders} readers are the most that a store serves`);
  }

  /** A thread that died inside a read left its passage odd; nobody must wait for it. */
  remove(reader: number): void {
    this.#active.delete(reader);
    const { passage } = readerView(this.#shared, reader);
    if (Atomics.load(passage, 0) % 2 !== 0) Atomics.add(passage, 0, 1);
  }

  /**
   * Resolves when every read that was under way at the call has ended. Reads that begin later are not waited for.
   *
   * @param patienceMs for who holds up others meanwhile @throws {ReadersStuckError} when it has passed
   */
  async quiesce(patienceMs: number = Number.POSITIVE_INFINITY): Promise<void> {
    const untilMs = performance.now() + patienceMs;
    const waiting = new Map<number, number>();
    for (const reader of this.#active) {
      const seen = this.#passageOf(reader);
      if (seen % 2 !== 0) waiting.set(reader, seen);
    }
    for (let round = 0; waiting.size > 0; round++) {
      if (performance.now() > untilMs) throw new ReadersStuckError(patienceMs);
      await (round < 16 ? soon() : sleep(1));
      for (const [reader, seen] of waiting) {
        if (!this.#active.has(reader) || this.#passageOf(reader) !== seen) waiting.delete(reader);
      }
    }
  }

  total(counter: keyof typeof readerCounter): number {
    let sum = 0;
    for (let reader = 0; reader < maxReaders; reader++) {
      sum += readerView(this.#shared, reader).counters[readerCounter[counter]] ?? 0;
    }
    return sum;
  }

  #passageOf(reader: number): number {
    return Atomics.load(readerView(this.#shared, reader).passage, 0);
  }
}
