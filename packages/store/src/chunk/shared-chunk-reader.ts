import { hash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { nextGeneration, slotState, stateOf, withState } from "./slot-word.js";
import {
  maxStoredChunkBytes,
  type ReaderView,
  readerCounter,
  readerView,
  type SlotColumns,
  type StoreShared,
  slotColumns,
} from "./store-shared.js";

/** {@link SharedChunkReader.read}: not here. Ask the owner of the store. */
export const MISS = -1;

export interface SharedChunkReaderOptions {
  /** A marked chunk was hit. Called inside `read`, at most once per mark; must not block. A reader without it leaves marks to the others. */
  readonly onMark?: ((slot: number) => void) | undefined;
  /** This thread has a table of descriptors of its own (CLONE_FILES, unshare(2)): it opens a segment for each read, through the table of the process. */
  readonly ownDescriptors?: boolean | undefined;
}

/**
 * Reads hits of a chunk store on a worker thread: synchronous, without allocation (but for the first read of a chunk, which verifies it).
 * One reader per thread.
 *
 * **Why no read ever meets a closed or reused descriptor** (a quiescence scheme, as in RCU). A reader makes its passage counter odd before it looks
 * at a slot and even when it has the bytes. The owner, to evict a segment, first makes every slot that points there absent (or point
 * elsewhere, in a new generation), then waits until each reader's counter is even or has changed, and only then closes the descriptor and unlinks
 * the file. A reader that entered before the slots changed is waited for; one that entered later cannot find the segment.
 *
 * **Why segment, offset and length always belong together.** The owner writes them only under a new generation, and the reader looks at the
 * generation before and after it takes them (see slot-word.ts).
 */
export class SharedChunkReader {
  readonly #slots: SlotColumns;
  readonly #segmentFds: Int32Array;
  readonly #clock: Int32Array;
  readonly #passage: Int32Array;
  readonly #counters: Float64Array;
  readonly #scratch: Uint8Array = new Uint8Array(maxStoredChunkBytes);
  readonly #onMark: ((slot: number) => void) | undefined;
  readonly #ownDescriptors: boolean;

  /** @param reader from {@link ChunkStore.addReader}; not shared with another living reader */
  constructor(shared: StoreShared, reader: number, options: SharedChunkReaderOptions = {}) {
    const view: ReaderView = readerView(shared, reader);
    this.#slots = slotColumns(shared);
    this.#segmentFds = new Int32Array(shared.segmentFds);
    this.#clock = new Int32Array(shared.clock);
    this.#passage = view.passage;
    this.#counters = view.counters;
    this.#onMark = options.onMark;
    this.#ownDescriptors = options.ownDescriptors ?? false;
  }

  /**
   * Copies up to `length` bytes of the chunk, from `offsetInChunk`, to `into` at `intoOffset`. Fewer only at the end of the chunk.
   *
   * @returns bytes copied, or {@link MISS} if the chunk is absent, damaged or being moved. Then `into` may hold anything
   */
  read(slot: number, offsetInChunk: number, length: number, into: Uint8Array, intoOffset: number): number {
    Atomics.add(this.#passage, 0, 1);
    try {
      const got = this.#readInside(slot, offsetInChunk, length, into, intoOffset);
      if (got < 0) {
        this.#count(readerCounter.misses, 1);
        return MISS;
      }
      this.#count(readerCounter.hits, 1);
      this.#count(readerCounter.hitBytes, got);
      return got;
    } finally {
      Atomics.add(this.#passage, 0, 1);
    }
  }

  #readInside(slot: number, offsetInChunk: number, length: number, into: Uint8Array, intoOffset: number): number {
    const slots = this.#slots;
    const word = Atomics.load(slots.word, slot);
    const state = stateOf(word);
    if (state !== slotState.present && state !== slotState.verified) return MISS;
    const segment = Atomics.load(slots.segment, slot);
    const offset = Atomics.load(slots.offset, slot);
    const chunkLength = Atomics.load(slots.length, slot);
    const fd = Atomics.load(this.#segmentFds, segment);
    // Another reader may have verified it meanwhile; anything else means that the columns above may be mixed.
    const again = Atomics.load(slots.word, slot);
    if (again !== word && again !== withState(word, slotState.verified)) return MISS;

    const take = Math.min(length, chunkLength - offsetInChunk);
    if (take <= 0) return 0;
    this.#noteUse(slot);

    const file = this.#ownDescriptors ? openOfProcess(fd) : fd;
    if (file < 0) return MISS;
    try {
      if (stateOf(again) === slotState.verified) {
        if (readWhole(file, into, intoOffset, take, offset + offsetInChunk)) return take;
        this.#markDamaged(slot, again);
        return MISS;
      }
      if (!this.#verify(slot, again, file, offset, chunkLength)) return MISS;
      into.set(this.#scratch.subarray(offsetInChunk, offsetInChunk + take), intoOffset);
      return take;
    } finally {
      if (this.#ownDescriptors) closeSync(file);
    }
  }

  #noteUse(slot: number): void {
    const { lastUse, mark } = this.#slots;
    lastUse[slot] = this.#clock[0] ?? 0;
    if (this.#onMark !== undefined && mark[slot] !== 0 && Atomics.exchange(mark, slot, 0) !== 0) this.#onMark(slot);
  }

  /** Reads the whole chunk into the scratch buffer and publishes what it found. Two readers may do so at once; both find the same. */
  #verify(slot: number, word: number, fd: number, offset: number, chunkLength: number): boolean {
    const bytes = this.#scratch.subarray(0, chunkLength);
    if (!readWhole(fd, bytes, 0, chunkLength, offset) || !this.#isChunkOf(slot, bytes)) {
      this.#markDamaged(slot, word);
      return false;
    }
    this.#count(readerCounter.verified, 1);
    Atomics.compareExchange(this.#slots.word, slot, word, withState(word, slotState.verified));
    return true;
  }

  #isChunkOf(slot: number, bytes: Uint8Array): boolean {
    const id = this.#slots.id.subarray(slot * 32, slot * 32 + 32);
    return hash("sha256", bytes, "buffer").equals(id);
  }

  #markDamaged(slot: number, word: number): void {
    const damaged = nextGeneration(word, slotState.damaged);
    if (Atomics.compareExchange(this.#slots.word, slot, word, damaged) === word) {
      this.#count(readerCounter.damaged, 1);
    }
  }

  #count(counter: number, amount: number): void {
    this.#counters[counter] = (this.#counters[counter] ?? 0) + amount;
  }
}

/** The file behind a descriptor of the process, for this thread. /proc/self is the process's first thread. @returns below 0 when it cannot be had */
function openOfProcess(fd: number): number {
  try {
    return openSync(`/proc/self/fd/${fd}`, "r");
  } catch {
    return -1;
  }
}

/** False if the file ends early or the disk fails: to the reader both mean that the chunk must come from elsewhere. */
function readWhole(fd: number, into: Uint8Array, intoOffset: number, length: number, position: number): boolean {
  let done = 0;
  while (done < length) {
    try {
      const got = readSync(fd, into, intoOffset + done, length - done, position + done);
      if (got === 0) return false;
      done += got;
    } catch (error) {
      if (isInterrupted(error)) continue;
      return false;
    }
  }
  return true;
}

const isInterrupted = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "EINTR" || error.code === "EAGAIN");
