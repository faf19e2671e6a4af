import type { Toc } from "@sluice/disk";
import type { AbortOptions } from "@sluice/oci/content";
import { type ChunkPlace, type ChunkStore, type FetchCause, ReadAhead } from "@sluice/store";
import { chunkPlace } from "./chunk-place.js";
import type { DiskChunks } from "./open-disk.js";

/** Brings chunks, from the store or the network. */
export interface ChunkGetter {
  get(place: ChunkPlace, cause: FetchCause, options?: AbortOptions): Promise<Uint8Array>;
}

/**
 * The chunks of one open disk, fetched ahead of its readers: what {@link ReadAhead} guesses is asked for in the same turn as the chunk a
 * reader waits for, so that one request brings both.
 */
export class ChunksAhead implements DiskChunks {
  readonly #toc: Toc;
  readonly #slots: Int32Array;
  readonly #store: Pick<ChunkStore, "isStored" | "mark">;
  readonly #chunks: ChunkGetter;
  readonly #readAhead: ReadAhead;
  /** Slots that were marked when their chunks were fetched ahead, with the rows they belong to; none of them has been read yet. */
  readonly #marked: Map<number, number> = new Map();
  readonly #stop = new AbortController();

  constructor(toc: Toc, slots: Int32Array, store: Pick<ChunkStore, "isStored" | "mark">, chunks: ChunkGetter) {
    this.#toc = toc;
    this.#slots = slots;
    this.#store = store;
    this.#chunks = chunks;
    this.#readAhead = new ReadAhead({
      compressedSize: toc.chunks.compressedSize,
      endOfRegion: (row) => endOfRegion(toc, row),
      isStored: (row) => store.isStored(slots[row] ?? 0),
    });
  }

  async get(row: number, options?: AbortOptions): Promise<Uint8Array> {
    this.#marked.delete(this.#slots[row] ?? -1);
    const ahead = this.#readAhead.onRead(row);
    this.#readAhead.fetching(row);
    const wanted = this.#chunks.get(chunkPlace(this.#toc, row), "demand", options);
    this.#fetchAhead(ahead);
    try {
      return await wanted;
    } finally {
      this.#readAhead.landed(row);
    }
  }

  /** A reader hit a chunk that was fetched ahead, for the first time. Slots of other disks are none of its business. */
  onMark(slot: number): void {
    const row = this.#marked.get(slot);
    if (row === undefined) return;
    this.#marked.delete(slot);
    this.#fetchAhead(this.#readAhead.onRead(row));
  }

  /** Everything of the metadata region in one request: a start walks directories all over it. */
  fetchMetadata(): void {
    const metadata = this.#toc.regions[0];
    if (metadata === undefined) return;
    for (let row = metadata.firstChunk; row < metadata.firstChunk + metadata.chunkCount; row++) {
      if (this.#toc.chunks.compressedSize[row] !== 0 && !this.#store.isStored(this.#slots[row] ?? 0)) {
        this.#fetchUnasked(row, "startup");
      }
    }
  }

  /** Compressed bytes of chunks that were fetched before anybody asked for them and that nobody has read yet. */
  get unreadBytes(): number {
    let bytes = 0;
    for (const row of this.#marked.values()) bytes += this.#toc.chunks.compressedSize[row] ?? 0;
    return bytes;
  }

  close(): void {
    this.#stop.abort(new Error("the disk was closed"));
  }

  #fetchAhead(rows: readonly number[]): void {
    for (const row of rows) this.#fetchUnasked(row, "read-ahead");
  }

  #fetchUnasked(row: number, cause: FetchCause): void {
    const slot = this.#slots[row] ?? -1;
    this.#marked.set(slot, row);
    this.#store.mark(slot);
    this.#readAhead.fetching(row);
    this.#chunks
      .get(chunkPlace(this.#toc, row), cause, { signal: this.#stop.signal })
      .catch(() => undefined) // counted by the fetcher; a reader who wants the chunk will learn why
      .finally(() => this.#readAhead.landed(row));
  }
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
