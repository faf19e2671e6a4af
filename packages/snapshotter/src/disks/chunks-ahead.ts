import { setMaxListeners } from "node:events";
import type { Digest } from "@sluice/oci/content";
import {
  type ChunkPlace,
  type ChunkStore,
  type FetchCause,
  type FetchOptions,
  ReadAhead,
  type StreamOptions,
  type UseBytes,
} from "@sluice/store";
import { startMs } from "../start-duration.js";
import { chunkPlace, compressedBytes } from "./chunk-place.js";
import { chunkRowsOf } from "./chunk-rows.js";
import type { DiskMap } from "./disk-map.js";
import type { DiskChunks } from "./open-disk.js";
import { PacedFetches } from "./paced-fetches.js";

/** Brings chunks, from the store or the network. `ChunkFetcher` of `@sluice/store` is one. */
export interface ChunkGetter {
  /** @param use gets the bytes, verified; not to be written into, and to be copied at once */
  fetch(place: ChunkPlace, cause: FetchCause, use: UseBytes, options?: FetchOptions): Promise<void>;
  stream(places: readonly ChunkPlace[], options?: StreamOptions): Promise<void>;
}

/** So many startup chunks in a row that cannot be had are no accident: their blob is lost. */
const maxStartupFailures = 3;

export interface ChunksAheadParts {
  readonly store: Pick<ChunkStore, "mark">;
  readonly chunks: ChunkGetter;
  /** See `MountableDisk.isRecorded`: then nothing is guessed while the start streams in. */
  readonly isRecorded?: boolean | undefined;
  /** A chunk that nobody had asked for came into the store. @returns whether it goes to the page cache at once, where nobody sees its readers */
  readonly onArrived?: ((chunk: number) => boolean) | undefined;
  /** A stream ended early, or the startup blob cannot be had; what did not come comes when it is read. */
  readonly onStreamBroken?: ((error: unknown) => void) | undefined;
}

/**
 * The chunks of one open disk, fetched ahead of its readers: what a start needs, and later what {@link ReadAhead} guesses, which is asked for in the same turn as the chunk a
 * reader waits for, so that one request brings both.
 */
export class ChunksAhead implements DiskChunks {
  readonly #map: DiskMap;
  readonly #parts: ChunksAheadParts;
  readonly #readAhead: ReadAhead;
  /** Slots that were marked when their chunks were fetched ahead, with the numbers of these; none of them has been read yet. */
  readonly #marked: Map<number, number> = new Map();
  readonly #stop = new AbortController();
  #streams = 0;
  /** What an unrecorded start is expected to read, as long as it comes. */
  #foreseen: PacedFetches | undefined;
  #startupFailures = 0;
  #startedMs = Number.NEGATIVE_INFINITY;

  constructor(map: DiskMap, parts: ChunksAheadParts) {
    this.#map = map;
    this.#parts = parts;
    setMaxListeners(0, this.#stop.signal); // one for each chunk that is fetched ahead
    this.#readAhead = new ReadAhead(chunkRowsOf(map));
  }

  async get(chunk: number, use: UseBytes, options?: FetchOptions): Promise<void> {
    this.#marked.delete(this.#map.slots[chunk] ?? -1);
    const { chunks } = this.#parts;
    const place = chunkPlace(this.#map.toc, chunk);
    const told = { ...options, onStored: () => this.#onFirstUse(chunk) };
    if (!this.#map.isStored(chunk) && !this.#readAhead.isComing(chunk)) this.#foreseen?.follow(chunk);
    if (!this.#guesses(chunk)) return await chunks.fetch(place, "demand", use, told);
    const ahead = this.#guessesAt(chunk);
    this.#readAhead.fetching(chunk);
    const wanted = chunks.fetch(place, "demand", use, told);
    void this.#fetchAhead(ahead);
    try {
      await wanted;
    } finally {
      this.#readAhead.landed(chunk);
    }
  }

  /** A reader hit a chunk that was fetched ahead, for the first time. Slots of other disks are none of its business. */
  onMark(slot: number): void {
    const chunk = this.#marked.get(slot);
    if (chunk === undefined) return;
    this.#marked.delete(slot);
    this.#onFirstUse(chunk);
    if (this.#guesses(chunk)) void this.#fetchAhead(this.#guessesAt(chunk));
  }

  /**
   * Fetches what a start needs and is not here: the startup chunks and beside them the metadata, unless the startup chunks hold the part of it that a start walks through; and what the
   * startup blob had no room for. What was recorded comes in one stream. What was only predicted comes little at a time, so that what nobody foresaw gets through, and is taken up where
   * the start has got to. Resolves when all of it has come, or will not.
   */
  async start(): Promise<void> {
    const { startup, metadata, prefetch } = this.#map.startChunks();
    this.#startedMs = performance.now();
    if (this.#parts.isRecorded === true) {
      await Promise.all([this.#stream(startup, () => this.#map.loseStartup()), this.#stream(metadata)]);
      await this.#fetchForeseen(prefetch);
    } else await Promise.all([this.#stream(metadata), this.#fetchForeseen([...startup, ...prefetch])]);
  }

  async #fetchForeseen(chunks: readonly number[]): Promise<void> {
    const isLost = (chunk: number): boolean =>
      this.#startupFailures >= maxStartupFailures && this.#map.isStartup(chunk);
    this.#foreseen = new PacedFetches(chunks, {
      sizeOf: (chunk) => compressedBytes(this.#map.toc, chunk),
      isMissing: (chunk) => !this.#map.isStored(chunk) && !this.#readAhead.isComing(chunk) && !isLost(chunk),
      fetch: (group) => this.#fetchAhead(group),
      signal: this.#stop.signal,
    });
    await this.#foreseen.run();
    this.#foreseen = undefined;
  }

  /** What is only near to what was read waits until the link has brought what is foreseen. */
  #guessesAt(chunk: number): readonly number[] {
    return this.#readAhead.onRead(chunk, { isStart: this.#isStarting(), hasRoom: this.#foreseen === undefined });
  }

  /** While an unrecorded start goes on, the kernel reads no page ahead: who reads one of a chunk finds the others in the page cache. */
  #onFirstUse(chunk: number): void {
    if (this.#isStarting()) this.#parts.onArrived?.(chunk);
  }

  #isStarting(): boolean {
    return this.#parts.isRecorded !== true && performance.now() - this.#startedMs < startMs;
  }

  /** Compressed bytes of chunks that were fetched before anybody asked for them, and neither read nor put into the page cache yet. */
  get unreadBytes(): number {
    let bytes = 0;
    for (const chunk of this.#marked.values()) {
      if (this.#map.isStored(chunk)) bytes += compressedBytes(this.#map.toc, chunk);
    }
    return bytes;
  }

  /** Fires when the disk is closed. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  close(): void {
    this.#stop.abort(new Error("the disk was closed"));
  }

  /**
   * While a recorded start streams in, the link is its own and the readers'; one that was predicted misses more, and what is around it. What lies behind a startup chunk on the disk is no guess worth paying for: what follows it
   * in the stream is.
   */
  #guesses(chunk: number): boolean {
    return (this.#streams === 0 || this.#parts.isRecorded !== true) && !this.#map.isStartup(chunk);
  }

  async #stream(wanted: readonly number[], onBroken: () => void = () => undefined): Promise<void> {
    const chunks = wanted.filter((chunk) => !this.#map.isStored(chunk));
    if (chunks.length === 0) return;
    const byId = this.#byId(chunks);
    const onStored = ({ id }: ChunkPlace): void => this.#pushUnasked(byId.get(id) ?? []);
    const places = [...byId.values()].map(([first]) => this.#unasked(first));
    this.#streams++;
    try {
      await this.#parts.chunks.stream(places, { signal: this.#stop.signal, onStored });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      onBroken();
      this.#parts.onStreamBroken?.(error);
    } finally {
      this.#streams--;
    }
  }

  /** Chunks of equal bytes come as one. */
  #byId(chunks: readonly number[]): Map<Digest, [number, ...number[]]> {
    const byId = new Map<Digest, [number, ...number[]]>();
    for (const chunk of chunks) {
      const { id } = chunkPlace(this.#map.toc, chunk);
      const known = byId.get(id);
      if (known === undefined) byId.set(id, [chunk]);
      else known.push(chunk);
    }
    return byId;
  }

  #pushUnasked(chunks: readonly number[]): void {
    for (const chunk of chunks) {
      if (this.#parts.onArrived?.(chunk)) this.#marked.delete(this.#map.slots[chunk] ?? -1);
    }
  }

  /** Resolves when all have come, or will not. */
  async #fetchAhead(rows: readonly number[]): Promise<void> {
    const { chunks } = this.#parts;
    const { signal } = this.#stop;
    const fetches = [...this.#byId(rows).values()].map(async (same) => {
      const [row] = same;
      const isStartup = this.#map.isStartup(row);
      const place = this.#unasked(row);
      for (const one of same) this.#readAhead.fetching(one);
      try {
        const onStored = (): void => (isStartup ? this.#pushUnasked(same) : undefined);
        await chunks.fetch(place, isStartup ? "startup" : "read-ahead", () => undefined, { signal, onStored });
        if (isStartup) this.#startupFailures = 0;
      } catch (error) {
        if (isStartup && !signal.aborted) this.#startupFailed(error); // a reader who wants the chunk of a layer will learn why
      } finally {
        for (const one of same) this.#readAhead.landed(one);
      }
    });
    await Promise.all(fetches);
  }

  #startupFailed(error: unknown): void {
    if (++this.#startupFailures !== maxStartupFailures) return;
    this.#map.loseStartup();
    this.#parts.onStreamBroken?.(error);
  }

  /** Its first reader will be noticed. */
  #unasked(chunk: number): ChunkPlace {
    const slot = this.#map.slots[chunk] ?? -1;
    this.#marked.set(slot, chunk);
    this.#parts.store.mark(slot);
    return chunkPlace(this.#map.toc, chunk);
  }
}
