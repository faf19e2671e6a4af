import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type AbortOptions, type Digest, hashOfDigest } from "@sluice/oci/content";
import { AppendLane } from "./append-lane.js";
import { bindChunks } from "./chunk-binder.js";
import { ChunkIndex, type IndexedChunk } from "./chunk-index.js";
import { ChunkMissingError, type VerifiedChunk } from "./chunk-source.js";
import type { ChunkBinding, ChunkStore, ChunkStoreStats, PutOutcome, ScrubProgress } from "./chunk-store.js";
import { Evictor } from "./evictor.js";
import { collectGarbage } from "./garbage-collection.js";
import { openSegments } from "./open-segments.js";
import { ReaderRegistry } from "./reader-registry.js";
import { scrubSegments } from "./scrub.js";
import { recordHeaderBytes } from "./segment-format.js";
import { SegmentSet } from "./segment-set.js";
import { SlotTable } from "./slot-table.js";
import { slotState, stateOf } from "./slot-word.js";
import { StoreLockedError } from "./store-errors.js";
import { type ChunkStoreEvent, StoreHealth } from "./store-health.js";
import type { StoreParts } from "./store-parts.js";
import { createStoreShared, maxStoredChunkBytes, type StoreShared } from "./store-shared.js";
import { dropDamaged, publishVerified, readKnownGood, readVerified } from "./verified-read.js";

export interface ChunkStoreOptions {
  /** Created if it is missing. Belongs to the store alone. */
  readonly folder: string;
  /** What the segment files may take. At least {@link minBudgetBytes}. The index adds about a thousandth. */
  readonly budgetBytes: number;
  /** Distinct chunks of all mounted disks together. 56 bytes each once used. Default 2 Mi: half a TiB of chunks of 256 KiB. */
  readonly maxSlots?: number | undefined;
  /** How long to answer `not-stored` after the disk failed, before it is tried again. Default 5,000: a full disk is seldom freed sooner. */
  readonly retryAfterMs?: number | undefined;
  /** For the log. Must not throw. */
  readonly onEvent?: ((event: ChunkStoreEvent) => void) | undefined;
}

/** Four of the smallest segments. Bytes. */
export const minBudgetBytes: number = 16 * 1024 * 1024;

/**
 * A 128th of the budget, so that an eviction takes little at once; not under 4 MiB, which holds a few of the longest chunks,
 * and not over 512 MiB. Bytes.
 */
const segmentBytesFor = (budgetBytes: number): number =>
  Math.min(Math.max(Math.floor(budgetBytes / 128), 4 * 1024 * 1024), 512 * 1024 * 1024);

/**
 * Opens the store in a folder, or makes one. Heals what a crash left: docs/adr/0005-durability.md.
 *
 * @throws {StoreLockedError} if another process has it open
 */
export async function openChunkStore(options: ChunkStoreOptions): Promise<ChunkStore> {
  const { folder, budgetBytes } = options;
  if (!Number.isSafeInteger(budgetBytes) || budgetBytes < minBudgetBytes) {
    throw new RangeError(
      `chunk store ${folder}: a budget of ${budgetBytes} bytes; at least ${minBudgetBytes} are needed`,
    );
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const health = new StoreHealth(options.onEvent ?? (() => undefined), options.retryAfterMs ?? 5000);
  const index = await openIndex(folder, health);
  const shared = createStoreShared(options.maxSlots ?? 2 * 1024 * 1024);
  const segments = new SegmentSet(join(folder, "segments"), shared);
  const slots = new SlotTable(shared);
  const readers = new ReaderRegistry(shared);
  const segmentBytes = segmentBytesFor(budgetBytes);
  const parts: StoreParts = { segments, index, slots, readers, health, budgetBytes, segmentBytes };
  try {
    const evictor = new Evictor(parts, new Int32Array(shared.clock));
    const youngest = await openSegments(segments, index, health, segmentBytes);
    const isOver = segments.bytes > budgetBytes;
    if (isOver) await evictor.makeRoom(undefined);
    const lane = new AppendLane(parts, evictor, isOver ? undefined : youngest);
    return new SegmentChunkStore(shared, parts, evictor, lane, lane.audit());
  } catch (error) {
    await segments.close();
    await index.close();
    throw error;
  }
}

/** The lock is level's own: it ends with the process that has it. */
async function openIndex(folder: string, health: StoreHealth): Promise<ChunkIndex> {
  const ownerFile = join(folder, "owner");
  try {
    const index = await ChunkIndex.open(join(folder, "index"), (error) => health.indexFailed(error));
    await writeFile(ownerFile, `process ${process.pid}\n`).catch(() => undefined); // only ever read for an error message
    return index;
  } catch (error) {
    if (!(error instanceof StoreLockedError)) throw error;
    const owner = await readFile(ownerFile, "utf8").catch(() => undefined);
    throw new StoreLockedError(folder, { cause: error, owner: owner?.slice(0, 40).trim() });
  }
}

/** Chunks in append-only segment files, found through a level index. The conductor; each part has its own file. */
class SegmentChunkStore implements ChunkStore {
  readonly shared: StoreShared;
  readonly #parts: StoreParts;
  readonly #evictor: Evictor;
  readonly #lane: AppendLane;
  readonly #audit: Promise<void>;

  constructor(shared: StoreShared, parts: StoreParts, evictor: Evictor, lane: AppendLane, audit: Promise<void>) {
    this.shared = shared;
    this.#parts = parts;
    this.#evictor = evictor;
    this.#lane = lane;
    this.#audit = audit;
    audit.catch(() => undefined); // close throws it
  }

  async get(id: Digest, options?: AbortOptions): Promise<Uint8Array> {
    options?.signal?.throwIfAborted();
    const pending = this.#lane.pending(id);
    if (pending !== undefined) return new Uint8Array(pending); // it belongs to whoever puts it
    const chunk = await this.#locate(hashOfDigest(id));
    if (chunk === undefined) throw new ChunkMissingError(id);
    const segment = this.#parts.segments.byNumber(chunk.segment);
    if (segment === undefined) throw new ChunkMissingError(id);
    const bytes = (await readKnownGood(this.#parts, segment, chunk)) ?? (await readVerified(segment, chunk));
    options?.signal?.throwIfAborted();
    if (bytes === undefined) {
      if (!segment.retired) await this.#lane.exclusive(() => dropDamaged(this.#parts, segment, chunk));
      throw new ChunkMissingError(id);
    }
    publishVerified(this.#parts, segment, chunk);
    return bytes;
  }

  async has(id: Digest, options?: AbortOptions): Promise<boolean> {
    options?.signal?.throwIfAborted();
    if (this.#lane.pending(id) !== undefined) return true;
    const chunk = await this.#locate(hashOfDigest(id));
    options?.signal?.throwIfAborted();
    return chunk !== undefined && this.#parts.segments.byNumber(chunk.segment) !== undefined;
  }

  async put(chunk: VerifiedChunk, options?: AbortOptions): Promise<PutOutcome> {
    options?.signal?.throwIfAborted();
    const length = chunk.bytes.byteLength;
    if (length < 1 || length > maxStoredChunkBytes) {
      throw new RangeError(`chunk ${chunk.id} of ${length} bytes; a store takes 1 to ${maxStoredChunkBytes}`);
    }
    if (await this.has(chunk.id, options)) {
      const isPending = this.#lane.pending(chunk.id) !== undefined;
      return isPending ? this.#lane.put(chunk) : "present";
    }
    return this.#lane.put(chunk);
  }

  bind(ids: Uint8Array, lengths: Uint32Array, options?: AbortOptions): Promise<ChunkBinding> {
    return bindChunks(this.#parts, ids, lengths, options);
  }

  addReader(): number {
    return this.#parts.readers.add();
  }

  removeReader(reader: number): void {
    this.#parts.readers.remove(reader);
  }

  isStored(slot: number): boolean {
    const state = stateOf(Atomics.load(this.#parts.slots.columns.word, slot));
    return state === slotState.present || state === slotState.verified;
  }

  mark(slot: number): void {
    Atomics.store(this.#parts.slots.columns.mark, slot, 1);
  }

  stats(): ChunkStoreStats {
    const { segments, health, readers, budgetBytes } = this.#parts;
    const live = segments.live;
    return {
      bytes: segments.bytes,
      budgetBytes,
      chunks: live.reduce((sum, segment) => sum + segment.chunks, 0),
      segments: live.length,
      evictions: health.evictions,
      damaged: health.damaged + readers.total("damaged"),
      healed: health.healed,
      notStored: health.notStored,
      degraded: health.degraded,
      readers: { hits: readers.total("hits"), hitBytes: readers.total("hitBytes"), misses: readers.total("misses") },
    };
  }

  async gc(options?: AbortOptions): Promise<number> {
    options?.signal?.throwIfAborted();
    return await collectGarbage(this.#parts, this.#lane, this.#evictor, options);
  }

  scrub(options?: AbortOptions): AsyncIterable<ScrubProgress> {
    return scrubSegments(this.#parts, (task) => this.#lane.exclusive(task), options);
  }

  async close(): Promise<void> {
    const lane = this.#lane.close();
    await this.#audit;
    await lane;
    await this.#evictor.settled();
    await this.#parts.segments.close();
    await this.#parts.index.close();
  }

  /** From the slot if the chunk has one, else from the index. */
  async #locate(id: Uint8Array): Promise<IndexedChunk | undefined> {
    const { slots, segments, index } = this.#parts;
    const slot = slots.find(id);
    if (slot >= 0 && slots.isThere(slot)) {
      const segment = segments.byPlace(slots.columns.segment[slot] ?? 0);
      const offset = (slots.columns.offset[slot] ?? 0) - recordHeaderBytes;
      return segment && { id, segment: segment.number, offset, lengthBytes: slots.columns.length[slot] ?? 0 };
    }
    if (slot >= 0 && (slots.isKnown(slot) || slots.state(slot) === slotState.damaged)) return undefined;
    const location = (await index.find([id]))?.[0];
    return location && { id, ...location };
  }
}
