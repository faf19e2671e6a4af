import { decompressFrameInto, InvalidFormatError } from "@sluice/disk";
import { type ByteRange, DigestMismatchError } from "@sluice/oci/content";
import { LRUCache } from "lru-cache";
import { type VerifiedChunk, verifyChunk } from "../chunk/chunk-source.js";
import type { ChunkStore } from "../chunk/chunk-store.js";
import type { BlobRangeSource } from "./blob-ranges.js";
import { BufferPool, type PooledBuffer } from "./buffer-pool.js";
import { noteAsked } from "./chunk-wait.js";
import type { FetchConfig } from "./fetch-config.js";
import { ShortRangeError, StalledRangeError } from "./fetch-errors.js";
import type { ChunkPlace } from "./fetch-request.js";
import type { FetchCounters } from "./fetch-stats.js";
import type { Flight, RangeRequest } from "./flight.js";
import { PendingPuts } from "./pending-puts.js";
import { splitFrames } from "./split-frames.js";

export interface CarrierParts {
  readonly source: BlobRangeSource;
  readonly store: ChunkStore;
  readonly config: FetchConfig;
  readonly counters: FetchCounters;
  /** The chunk is in the store, or in memory in its place. */
  readonly onKept: (flight: Flight, isStored: boolean) => void;
  /** The store failed in a way that is not the disk's. The readers have their bytes all the same. */
  readonly onStoreError: (error: unknown) => void;
}

/** A verified chunk in memory of the pool. Whoever has it holds its buffer. */
interface PooledChunk {
  readonly chunk: VerifiedChunk;
  readonly buffer: PooledBuffer;
}

/** Makes one attempt at a ranged request: streams it, and lands each chunk as soon as its frame is there, verified. */
export class RangeCarrier {
  readonly #parts: CarrierParts;
  readonly #pool: BufferPool;
  readonly #memory: LRUCache<string, PooledChunk>;
  /** Those in memory that were never put, for lack of room. Put as soon as there is some. */
  readonly #owed: Map<string, PooledChunk> = new Map();
  readonly #puts: PendingPuts;

  constructor(parts: CarrierParts) {
    this.#parts = parts;
    this.#puts = new PendingPuts(parts.config.pendingBytes);
    this.#pool = new BufferPool(parts.config.pendingBytes);
    // lru-cache takes no size of zero
    const maxSize = Math.max(1, parts.config.memoryBytes);
    this.#memory = new LRUCache({
      maxSize,
      sizeCalculation: ({ buffer }) => buffer.bytes.byteLength,
      dispose: ({ buffer }, id) => {
        this.#owed.delete(id);
        buffer.release();
      },
    });
  }

  /** A chunk that the store could not keep. Its bytes are written over when it is forgotten: use them at once. */
  remembered(id: string): Uint8Array | undefined {
    return this.#memory.get(id)?.buffer.bytes;
  }

  /**
   * Lands what it can of `flights`, which are among those of the request. A wrong chunk does not stop the others. What lands is given out at once; the next frame
   * waits for room on the way into the store, so that a disk that is slower than the network loses nothing, but not for a store that hangs.
   *
   * @throws what kept some of them from landing; the signal's reason once it fires
   */
  async attempt(request: RangeRequest, flights: readonly Flight[]): Promise<void> {
    const { counters } = this.#parts;
    const counted = counters.of(request.cause);
    const range = rangeOf(flights);
    let failure: Error | undefined;
    counted.requests++;
    counters.inFlight++;
    const askedMs = performance.now();
    for (const { passed } of flights) noteAsked(passed, askedMs);
    try {
      for await (const { of, bytes } of this.#frames(request, range, flights)) {
        if (of.flight.settled) continue; // somebody was faster
        of.flight.passed.arrived = performance.now();
        const opened = this.#open(of.flight.place, bytes);
        if (opened instanceof Error) {
          failure = opened;
          continue;
        }
        counted.chunks++;
        of.flight.land(opened.buffer.bytes);
        await this.#puts.roomFor(opened.buffer.bytes.byteLength);
        this.#keep(of.flight, opened);
      }
    } finally {
      counters.inFlight--;
    }
    if (failure !== undefined) throw failure;
  }

  /** Resolves when what has landed is in the store, or never will be. */
  async settled(): Promise<void> {
    await this.#puts.settled();
  }

  async *#frames(
    request: RangeRequest,
    range: ByteRange,
    flights: readonly Flight[],
  ): AsyncGenerator<{ of: { frame: ByteRange; flight: Flight }; bytes: Uint8Array }> {
    const frames = flights.map((flight) => ({ frame: flight.place.frame, flight }));
    const received = yield* splitFrames(this.#read(request, range, flights), range.start, frames, this.#pool);
    if (received !== undefined) throw new ShortRangeError(request.blob, range, received);
  }

  /** The source's bytes, until they stop coming or nobody wants them. */
  async *#read(request: RangeRequest, range: ByteRange, flights: readonly Flight[]): AsyncGenerator<Uint8Array> {
    const { source, config, counters } = this.#parts;
    const stalled = new AbortController();
    const stall = (): void => stalled.abort(new StalledRangeError(request.blob, range, config.stallTimeoutMs));
    const signal = AbortSignal.any([request.stop.signal, stalled.signal]);
    const progress = { start: range.start, sinceMs: performance.now(), bytes: 0 };
    request.progress = progress;
    let timer = setTimeout(stall, config.stallTimeoutMs);
    try {
      for await (const piece of source.read(request.blob, range, { signal })) {
        clearTimeout(timer); // the time that we take is not the source's
        if (progress.bytes === 0) noteFirstByte(flights);
        counters.of(request.cause).bytes += piece.byteLength;
        progress.bytes += piece.byteLength;
        yield piece;
        signal.throwIfAborted();
        timer = setTimeout(stall, config.stallTimeoutMs);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #open(place: ChunkPlace, frame: Uint8Array): PooledChunk | Error {
    const buffer = this.#pool.take(place.sizeBytes);
    try {
      decompressFrameInto(frame, buffer.bytes, `chunk of blob ${place.blob}`);
      return { chunk: verifyChunk(place.id, buffer.bytes), buffer };
    } catch (error) {
      buffer.release();
      if (!(error instanceof InvalidFormatError || error instanceof DigestMismatchError)) throw error;
      this.#parts.counters.wrongBytes++;
      this.#parts.source.doubt?.(place.blob);
      return error;
    }
  }

  /** The buffer's hold passes to the put or to the memory. */
  #keep(flight: Flight, opened: PooledChunk): void {
    if (this.#puts.hasRoomFor(opened.buffer.bytes.byteLength)) {
      this.#add(opened, (isStored) => this.#parts.onKept(flight, isStored));
    } else {
      this.#remember(opened);
      if (this.#memory.has(opened.chunk.id)) this.#owed.set(opened.chunk.id, opened);
      this.#parts.onKept(flight, false);
    }
  }

  #add(opened: PooledChunk, onKept: (isStored: boolean) => void): void {
    const put = this.#put(opened).then((isStored) => {
      onKept(isStored);
      opened.buffer.release();
    });
    this.#puts.add(opened.buffer.bytes.byteLength, put, () => this.#payOwed());
  }

  /** Never rejects. What the store does not keep is kept in memory for a while. @returns whether the store has it */
  async #put(opened: PooledChunk): Promise<boolean> {
    const { chunk } = opened;
    try {
      if ((await this.#parts.store.put(chunk)) !== "not-stored") {
        this.#memory.delete(chunk.id);
        return true;
      }
    } catch (error) {
      this.#parts.onStoreError(error);
    }
    if (this.#memory.peek(chunk.id) !== opened) {
      opened.buffer.hold();
      this.#remember(opened);
    }
    return false;
  }

  /** Takes over one hold; lets go of it, and forgets the chunk, when there is no room. */
  #remember(opened: PooledChunk): void {
    this.#memory.set(opened.chunk.id, opened);
    if (this.#memory.peek(opened.chunk.id) !== opened) opened.buffer.release(); // longer than all of the memory
  }

  #payOwed(): void {
    for (const [id, opened] of this.#owed) {
      if (!this.#puts.hasRoomFor(opened.buffer.bytes.byteLength)) return;
      this.#owed.delete(id);
      opened.buffer.hold();
      this.#add(opened, () => undefined);
    }
  }
}

function noteFirstByte(flights: readonly Flight[]): void {
  const nowMs = performance.now();
  for (const { passed } of flights) passed.firstByte ??= nowMs;
}

/** From the first frame to the last. */
function rangeOf(flights: readonly Flight[]): ByteRange {
  let start = Number.MAX_SAFE_INTEGER;
  let end = 0;
  for (const { place } of flights) {
    start = Math.min(start, place.frame.start);
    end = Math.max(end, place.frame.end);
  }
  return { start, end };
}
