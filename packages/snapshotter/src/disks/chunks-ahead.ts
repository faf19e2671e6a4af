import type { Toc } from "@sluice/disk";
import type { AbortOptions } from "@sluice/oci/content";
import { type ChunkPlace, type ChunkStore, type FetchCause, ReadAhead } from "@sluice/store";
import { chunkPlace, tableOf } from "./chunk-place.js";
import type { DiskMap } from "./disk-map.js";
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
  readonly #map: DiskMap;
  readonly #store: Pick<ChunkStore, "mark">;
  readonly #chunks: ChunkGetter;
  readonly #readAhead: ReadAhead;
  /** Slots that were marked when their chunks were fetched ahead, with the numbers of these; none of them has been read yet. */
  readonly #marked: Map<number, number> = new Map();
  readonly #stop = new AbortController();

  constructor(map: DiskMap, store: Pick<ChunkStore, "mark">, chunks: ChunkGetter) {
    this.#map = map;
    this.#store = store;
    this.#chunks = chunks;
    this.#readAhead = new ReadAhead({
      compressedSize: sizesWithoutHidden(map),
      endOfRegion: (row) => endOfRegion(map.toc, row),
      isStored: (row) => map.isStored(row),
    });
  }

  /** What lies behind a startup chunk on the disk is no guess worth paying for: the startup chunks that follow are on their way anyhow. */
  async get(chunk: number, options?: AbortOptions): Promise<Uint8Array> {
    this.#marked.delete(this.#map.slots[chunk] ?? -1);
    const place = chunkPlace(this.#map.toc, chunk);
    if (this.#map.isStartup(chunk)) return await this.#chunks.get(place, "demand", options);
    const ahead = this.#readAhead.onRead(chunk);
    this.#readAhead.fetching(chunk);
    const wanted = this.#chunks.get(place, "demand", options);
    this.#fetchAhead(ahead);
    try {
      return await wanted;
    } finally {
      this.#readAhead.landed(chunk);
    }
  }

  /** A reader hit a chunk that was fetched ahead, for the first time. Slots of other disks are none of its business. */
  onMark(slot: number): void {
    const chunk = this.#marked.get(slot);
    if (chunk === undefined) return;
    this.#marked.delete(slot);
    if (!this.#map.isStartup(chunk)) this.#fetchAhead(this.#readAhead.onRead(chunk));
  }

  /** Everything of the metadata region in one request: a start walks directories all over it. */
  fetchMetadata(): void {
    const metadata = this.#map.toc.regions[0];
    if (metadata === undefined) return;
    for (let row = metadata.firstChunk; row < metadata.firstChunk + metadata.chunkCount; row++) {
      if (!this.#map.isStored(row)) this.#fetchUnasked(row, "startup");
    }
  }

  /** Compressed bytes of chunks that were fetched before anybody asked for them and that nobody has read yet. */
  get unreadBytes(): number {
    let bytes = 0;
    for (const chunk of this.#marked.values()) bytes += compressedBytes(this.#map.toc, chunk);
    return bytes;
  }

  close(): void {
    this.#stop.abort(new Error("the disk was closed"));
  }

  #fetchAhead(rows: readonly number[]): void {
    for (const row of rows) this.#fetchUnasked(row, "read-ahead");
  }

  #fetchUnasked(row: number, cause: FetchCause): void {
    const slot = this.#map.slots[row] ?? -1;
    this.#marked.set(slot, row);
    this.#store.mark(slot);
    this.#readAhead.fetching(row);
    this.#chunks
      .get(chunkPlace(this.#map.toc, row), cause, { signal: this.#stop.signal })
      .catch(() => undefined) // counted by the fetcher; a reader who wants the chunk will learn why
      .finally(() => this.#readAhead.landed(row));
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
