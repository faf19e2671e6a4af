import { setMaxListeners } from "node:events";
import type { Toc } from "@sluice/disk";
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
import { chunkPlace, tableOf } from "./chunk-place.js";
import type { DiskMap } from "./disk-map.js";
import type { DiskChunks } from "./open-disk.js";

/** Brings chunks, from the store or the network. `ChunkFetcher` of `@sluice/store` is one. */
export interface ChunkGetter {
  /** @param use gets the bytes, verified; not to be written into, and to be copied at once */
  fetch(place: ChunkPlace, cause: FetchCause, use: UseBytes, options?: FetchOptions): Promise<void>;
  stream(places: readonly ChunkPlace[], options?: StreamOptions): Promise<void>;
}

/** What is asked for together of what a start is expected to read behind its startup blob, and how much of that at once: some 80 ms of a link of 100 Mbit/s in all. Compressed bytes. */
const prefetchGroupBytes = 512 * 1024;
const prefetchGroups = 2;

export interface ChunksAheadParts {
  readonly store: Pick<ChunkStore, "mark">;
  readonly chunks: ChunkGetter;
  /** See `MountableDisk.isRecorded`: then nothing is guessed while the start streams in. */
  readonly isRecorded?: boolean | undefined;
  /** A chunk that nobody had asked for came into the store. @returns whether it goes to the page cache at once, where nobody sees its readers */
  readonly onArrived?: ((chunk: number) => boolean) | undefined;
  /** A stream ended early; what it did not bring comes when it is read. */
  readonly onStreamBroken?: ((error: unknown) => void) | undefined;
}

/**
 * The chunks of one open disk, fetched ahead of its readers: what a start needs in long streams, and later what {@link ReadAhead} guesses, which is
 * asked for in the same turn as the chunk a reader waits for, so that one request brings both.
 */
export class ChunksAhead implements DiskChunks {
  readonly #map: DiskMap;
  readonly #parts: ChunksAheadParts;
  readonly #readAhead: ReadAhead;
  /** Slots that were marked when their chunks were fetched ahead, with the numbers of these; none of them has been read yet. */
  readonly #marked: Map<number, number> = new Map();
  readonly #stop = new AbortController();
  #streams = 0;
  #startedMs = Number.NEGATIVE_INFINITY;

  constructor(map: DiskMap, parts: ChunksAheadParts) {
    this.#map = map;
    this.#parts = parts;
    setMaxListeners(0, this.#stop.signal); // one for each chunk that is fetched ahead
    this.#readAhead = new ReadAhead({
      compressedSize: sizesWithoutHidden(map),
      endOfRegion: (row) => endOfRegion(map.toc, row),
      isStored: (row) => map.isStored(row),
    });
  }

  async get(chunk: number, use: UseBytes, options?: FetchOptions): Promise<void> {
    this.#marked.delete(this.#map.slots[chunk] ?? -1);
    const { chunks } = this.#parts;
    const place = chunkPlace(this.#map.toc, chunk);
    const told = { ...options, onStored: () => this.#onFirstUse(chunk) };
    if (!this.#guesses(chunk)) return await chunks.fetch(place, "demand", use, told);
    const ahead = this.#readAhead.onRead(chunk, this.#isStarting());
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
    if (this.#guesses(chunk)) void this.#fetchAhead(this.#readAhead.onRead(chunk, this.#isStarting()));
  }

  /**
   * Fetches what a start needs and is not here: the startup chunks in the order of the stream, and beside them the metadata, unless the startup chunks hold
   * the part of it that a start walks through; behind them, what the startup blob had no room for. Resolves when all of it has come, or will not.
   */
  async start(): Promise<void> {
    const { startup, metadata, prefetch } = this.#map.startChunks();
    this.#startedMs = performance.now();
    await Promise.all([this.#stream(startup, () => this.#map.loseStartup()), this.#stream(metadata)]);
    await this.#prefetch(prefetch);
  }

  /** While an unrecorded start goes on, the kernel reads no page ahead: who reads one of a chunk finds the others in the page cache. */
  #onFirstUse(chunk: number): void {
    if (this.#isStarting()) this.#parts.onArrived?.(chunk);
  }

  #isStarting(): boolean {
    return this.#parts.isRecorded !== true && performance.now() - this.#startedMs < startMs;
  }

  /** In order, little at a time: a reader who misses something else queues behind what is under way. */
  async #prefetch(rows: readonly number[]): Promise<void> {
    const under = new Set<Promise<void>>();
    const left = rows.toReversed();
    while (left.length > 0 && !this.#stop.signal.aborted) {
      const one: Promise<void> = this.#fetchAhead(this.#takeGroup(left)).finally(() => under.delete(one));
      under.add(one);
      if (under.size >= prefetchGroups) await Promise.race(under);
    }
    await Promise.all(under);
  }

  /** Takes rows from the end of `left`, and gives those that are neither here nor on their way. */
  #takeGroup(left: number[]): number[] {
    const group: number[] = [];
    for (let bytes = 0; bytes < prefetchGroupBytes; ) {
      const row = left.pop();
      if (row === undefined) break;
      if (this.#map.isStored(row) || this.#readAhead.isComing(row)) continue;
      group.push(row);
      bytes += compressedBytes(this.#map.toc, row);
    }
    return group;
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
    const { onArrived, onStreamBroken } = this.#parts;
    const byId = this.#byId(chunks);
    const onStored = ({ id }: ChunkPlace): void => {
      for (const chunk of byId.get(id) ?? []) {
        if (onArrived?.(chunk)) this.#marked.delete(this.#map.slots[chunk] ?? -1);
      }
    };
    const places = [...byId.values()].map(([first]) => this.#unasked(first));
    this.#streams++;
    try {
      await this.#parts.chunks.stream(places, { signal: this.#stop.signal, onStored });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      onBroken();
      onStreamBroken?.(error);
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

  /** Resolves when all have come, or will not. */
  async #fetchAhead(rows: readonly number[]): Promise<void> {
    const fetches = rows.map((row) => {
      const place = this.#unasked(row);
      this.#readAhead.fetching(row);
      return this.#parts.chunks
        .fetch(place, "read-ahead", () => undefined, { signal: this.#stop.signal })
        .catch(() => undefined) // counted by the fetcher; a reader who wants the chunk will learn why
        .finally(() => this.#readAhead.landed(row));
    });
    await Promise.all(fetches);
  }

  /** Its first reader will be noticed. */
  #unasked(chunk: number): ChunkPlace {
    const slot = this.#map.slots[chunk] ?? -1;
    this.#marked.set(slot, chunk);
    this.#parts.store.mark(slot);
    return chunkPlace(this.#map.toc, chunk);
  }
}

function compressedBytes(toc: Toc, chunk: number): number {
  const { table, row } = tableOf(toc, chunk);
  return table.compressedSize[row] ?? 0;
}

/** Compressed sizes of the chunks of the regions; 0 for those whose blocks all belong to startup chunks, which nobody reads. */
function sizesWithoutHidden({ pieces, toc }: DiskMap): Uint32Array {
  const sizes = new Uint32Array(toc.chunks.count);
  for (const chunk of pieces.chunk) {
    if (chunk < sizes.length) sizes[chunk] = toc.chunks.compressedSize[chunk] ?? 0;
  }
  return sizes;
}

/** Binary search among the regions, which are in the order of their chunks. */
function endOfRegion(toc: Toc, row: number): number {
  let low = 0;
  let high = toc.regions.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((toc.regions[middle]?.firstChunk ?? 0) <= row) low = middle;
    else high = middle - 1;
  }
  const region = toc.regions[low];
  return region === undefined ? row + 1 : region.firstChunk + region.chunkCount;
}
