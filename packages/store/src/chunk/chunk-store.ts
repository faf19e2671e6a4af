import type { AbortOptions, Digest } from "@sluice/oci/content";
import type { ChunkSource, VerifiedChunk } from "./chunk-source.js";
import type { StoreShared } from "./store-shared.js";

/**
 * A cache of uncompressed chunks on one disk, shared by all mounted disks.
 *
 * - What it answers is right: a chunk is verified before its first use in each life of the process, and a damaged one counts as absent.
 * - It never refuses a reader for lack of room: `put` may answer `not-stored`, and any chunk may be evicted at any time. Whoever
 *   needs an absent chunk fetches it again.
 * - One process owns a store. Its worker threads read hits through {@link StoreShared} without asking this side.
 */
export interface ChunkStore extends ChunkSource {
  readonly shared: StoreShared;

  /** Whether `get` would probably find it. A chunk not yet verified counts as there. */
  has(id: Digest, options?: AbortOptions): Promise<boolean>;

  /**
   * Keeps the chunk, unless the disk cannot. May be repeated; resolves when the chunk can be read from here. Holds the bytes until then, and
   * not after: await it before bringing more, or writing over them.
   */
  put(chunk: VerifiedChunk, options?: AbortOptions): Promise<PutOutcome>;

  /**
   * Gives each chunk of a disk a slot in {@link StoreShared}. A chunk that several disks contain has one slot.
   *
   * @param ids 32 bytes a chunk, in disk order; 32 zero bytes are a zero chunk, which gets slot −1
   * @param lengths uncompressed bytes of each chunk, 1 to {@link maxStoredChunkBytes}; of zero chunks anything
   * @throws {TooManyChunksError} if the slots do not suffice; nothing is bound then
   */
  bind(ids: Uint8Array, lengths: Uint32Array, options?: AbortOptions): Promise<ChunkBinding>;

  /** @returns the number for one {@link SharedChunkReader}, free for reuse after {@link removeReader} */
  addReader(): number;

  /** Call when the reader's thread has ended, even in the middle of a read: an eviction may be waiting for it. */
  removeReader(reader: number): void;

  /** Whether the store has the chunk of this slot at this moment. Costs one read of shared memory. */
  isStored(slot: number): boolean;

  /** The next reader who hits this slot says so, once: see {@link SharedChunkReaderOptions.onMark}. */
  mark(slot: number): void;

  stats(): ChunkStoreStats;

  /** Removes every chunk that no binding references. @returns bytes given back to the disk */
  gc(options?: AbortOptions): Promise<number>;

  /** Reads and verifies every stored chunk, drops the damaged ones. Yields after each segment; leaving the loop stops it. */
  scrub(options?: AbortOptions): AsyncIterable<ScrubProgress>;

  /** Waits for writes under way. Readers must have stopped. */
  close(): Promise<void>;
}

/** `present`: it was there already. `not-stored`: the disk is full or failing, or its eviction is stuck; see {@link ChunkStoreStats.degraded}. */
export type PutOutcome = "stored" | "present" | "not-stored";

export interface ChunkBinding extends AsyncDisposable {
  /** The slot of each chunk of the disk, −1 for zero chunks. Lies in a SharedArrayBuffer, so workers may have it too. */
  readonly slots: Int32Array;
  /**
   * Chunks that no other binding has may be collected from now on, and their slots go to other chunks as soon as every reader that is inside
   * its passage now has left it.
   *
   * **Precondition**: no reader outside its passage still holds one of these slots. The store sees a reader only by its passage counter
   * ({@link ReaderView.passage}), which {@link SharedChunkReader.read} makes odd. A thread that has looked a slot up and is not yet inside `read` is not waited
   * for, and would read another chunk's bytes. So whoever looks slots up makes the counter odd before it does and even after its last read of them,
   * or proves otherwise that no such thread is left, before it closes.
   */
  close(): Promise<void>;
}

export interface ChunkStoreStats {
  /** Bytes of the segment files, headers included. */
  readonly bytes: number;
  readonly budgetBytes: number;
  readonly chunks: number;
  readonly segments: number;
  /** Chunks dropped for room, since open. */
  readonly evictions: number;
  /** Damaged chunks found, since open. They count as absent and are fetched again. */
  readonly damaged: number;
  /** Damaged chunks stored anew, since open. */
  readonly healed: number;
  /** Chunks that could not be kept, since open. */
  readonly notStored: number;
  /** Why chunks are not kept at the moment; undefined when they are. */
  readonly degraded: string | undefined;
  /** By the readers of the worker threads, since open. */
  readonly readers: { readonly hits: number; readonly hitBytes: number; readonly misses: number };
}

export interface ScrubProgress {
  /** Number of the segment just checked. */
  readonly segment: number;
  /** Since the start of the scrub. */
  readonly checkedChunks: number;
  readonly checkedBytes: number;
  /** Damaged chunks of this segment. */
  readonly damaged: readonly Digest[];
}

/** The disks mounted at once have more distinct chunks than the store has slots. */
export class TooManyChunksError extends Error {
  override readonly name = "TooManyChunksError";
  readonly code = "TOO_MANY_CHUNKS";
}
