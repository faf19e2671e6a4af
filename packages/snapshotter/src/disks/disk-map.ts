import { blockSizeBytes, type DiskPieces, type DiskRun, diskPieces, startupRuns, type Toc } from "@sluice/disk";
import type { ChunkBinding, ChunkStore } from "@sluice/store";

/** A run of bytes of the disk inside one chunk. */
export interface DiskPart {
  /** As in `DiskPieces`. */
  readonly chunk: number;
  readonly diskOffset: number;
  readonly offsetInChunk: number;
  readonly length: number;
}

export interface StartChunks {
  readonly startup: readonly number[];
  readonly metadata: readonly number[];
  readonly prefetch: readonly number[];
}

/** Ids and lengths of all chunks of a disk, numbered as in `DiskPieces`, as `ChunkStore.bind` wants them. */
export function chunkClaims({ chunks, startup }: Toc): { readonly ids: Uint8Array; readonly lengths: Uint32Array } {
  const ids = new Uint8Array(chunks.sha256.length + startup.sha256.length);
  ids.set(chunks.sha256);
  ids.set(startup.sha256, chunks.sha256.length);
  const lengths = new Uint32Array(chunks.count + startup.count);
  lengths.set(chunks.blocks);
  lengths.set(startup.blocks, chunks.count);
  return { ids, lengths: lengths.map((blocks) => blocks * blockSizeBytes) };
}

/** Which chunk each block of an open disk comes from, and whether it is here. */
export class DiskMap {
  readonly toc: Toc;
  readonly pieces: DiskPieces;
  /** Slot in the store by number of the chunk; below 0 for zero chunks. */
  readonly slots: Int32Array;
  readonly #store: Pick<ChunkStore, "isStored">;
  #piecesByChunk: ReadonlyMap<number, readonly number[]> | undefined;
  #isStartupLost = false;

  /**
   * A startup chunk whose blocks are all in stored chunks of the regions, as after an update of the image, owns nothing here, unless it is stored itself: what
   * the node has is not fetched again.
   */
  constructor(toc: Toc, binding: Pick<ChunkBinding, "slots">, store: Pick<ChunkStore, "isStored">) {
    this.toc = toc;
    this.slots = binding.slots;
    this.#store = store;
    const needless = this.#needlessStartupRows();
    this.pieces = diskPieces(toc, (row) => !needless.has(row));
  }

  get sizeBytes(): number {
    return this.toc.diskBlocks * blockSizeBytes;
  }

  /** Zero chunks count as stored. */
  isStored(chunk: number): boolean {
    const slot = this.slots[chunk] ?? -1;
    return slot < 0 || this.#store.isStored(slot);
  }

  /** The startup blob cannot be had: from now on only what is stored of it is read from it. */
  loseStartup(): void {
    this.#isStartupLost = true;
  }

  /** What must be here so that the disk needs no registry, in rising order: the owners of its pieces; for a startup chunk that is {@link loseStartup lost}, the region's chunks behind it. */
  wantedChunks(): readonly number[] {
    const wanted = new Set(this.pieces.chunk);
    if (this.#isStartupLost) {
      for (const chunk of [...wanted]) if (this.isStartup(chunk) && !this.isStored(chunk)) this.#replace(chunk, wanted);
    }
    return [...wanted].sort((a, b) => a - b);
  }

  #replace(startupChunk: number, wanted: Set<number>): void {
    wanted.delete(startupChunk);
    for (const { startBlock, blocks } of this.runsOf(startupChunk)) {
      const instead = this.partsOfRegions(startBlock * blockSizeBytes, (startBlock + blocks) * blockSizeBytes);
      for (const part of instead) wanted.add(part.chunk);
    }
  }

  isStartup(chunk: number): boolean {
    return chunk >= this.toc.chunks.count;
  }

  /** What of the disk belongs to a chunk, in disk order. */
  runsOf(chunk: number): DiskRun[] {
    this.#piecesByChunk ??= piecesByChunk(this.pieces);
    const { startBlock, blocks } = this.pieces;
    const pieces = this.#piecesByChunk.get(chunk) ?? [];
    return pieces.map((piece) => ({ startBlock: startBlock[piece] ?? 0, blocks: blocks[piece] ?? 0 }));
  }

  /**
   * The chunks that a start is expected to need: those of the startup blob, in their order; all of the metadata unless they hold the part of it that counts; and what the blob
   * had no room for.
   */
  startChunks(): StartChunks {
    const { chunks, regions, startup } = this.toc;
    const owners = new Set(this.pieces.chunk.filter((chunk) => this.isStartup(chunk)));
    const rows = Array.from(startup.blocks, (_, row) => chunks.count + row).filter((chunk) => owners.has(chunk));
    const prefetch = [...startup.prefetch];
    const [region] = regions;
    const hasMetadata = startup.pieceStartBlock.some((block) => block < (region?.blocks ?? 0));
    if (region === undefined || hasMetadata) return { startup: rows, metadata: [], prefetch };
    const all = Array.from({ length: region.chunkCount }, (_, row) => region.firstChunk + row);
    return { startup: rows, prefetch, metadata: all.sort((a, b) => (chunks.offset[a] ?? 0) - (chunks.offset[b] ?? 0)) };
  }

  /**
   * The chunks to read a range from, in disk order; blocks in none of them are zeros. A piece of a startup chunk that is not here comes from the chunks of its
   * region when these are, or when it is {@link loseStartup lost}.
   */
  *parts(offset: number, length: number): Generator<DiskPart> {
    const { startBlock, blocks, chunk, offsetInChunk, count } = this.pieces;
    const end = offset + length;
    for (
      let piece = firstEndingBehind(startBlock, blocks, Math.floor(offset / blockSizeBytes));
      piece < count;
      piece++
    ) {
      const pieceStart = (startBlock[piece] ?? 0) * blockSizeBytes;
      if (pieceStart >= end) return;
      const from = Math.max(offset, pieceStart);
      const to = Math.min(end, pieceStart + (blocks[piece] ?? 0) * blockSizeBytes);
      const owner = chunk[piece] ?? 0;
      const instead = this.isStartup(owner) && !this.isStored(owner) ? this.partsOfRegions(from, to) : undefined;
      if (instead && (this.#isStartupLost || instead.every((part) => this.isStored(part.chunk)))) yield* instead;
      else {
        const inChunk = (offsetInChunk[piece] ?? 0) * blockSizeBytes + from - pieceStart;
        yield { chunk: owner, diskOffset: from, offsetInChunk: inChunk, length: to - from };
      }
    }
  }

  /** The bytes from one offset of the disk to another in chunks of its regions, whoever owns them. */
  partsOfRegions(from: number, to: number): DiskPart[] {
    const { startBlock, blocks, count } = this.toc.chunks;
    const parts: DiskPart[] = [];
    let row = firstEndingBehind(startBlock, blocks, Math.floor(from / blockSizeBytes));
    for (; row < count; row++) {
      const start = (startBlock[row] ?? 0) * blockSizeBytes;
      if (start >= to) break;
      const diskOffset = Math.max(from, start);
      const length = Math.min(to, start + (blocks[row] ?? 0) * blockSizeBytes) - diskOffset;
      parts.push({ chunk: row, diskOffset, offsetInChunk: diskOffset - start, length });
    }
    return parts;
  }

  /** Whether all these blocks are in stored chunks of the regions. */
  #isInStoredRegions(from: number, to: number): boolean {
    const { startBlock, blocks, count } = this.toc.chunks;
    let row = firstEndingBehind(startBlock, blocks, from);
    while (row < count && (startBlock[row] ?? 0) < to && this.isStored(row)) row++;
    return row === count || (startBlock[row] ?? 0) >= to;
  }

  #needlessStartupRows(): Set<number> {
    const { chunks } = this.toc;
    const needed = new Set<number>();
    const needless = new Set<number>();
    for (const { startBlock, blocks, row } of startupRuns(this.toc)) {
      if (needed.has(row)) continue;
      const isHere = !this.isStored(chunks.count + row) && this.#isInStoredRegions(startBlock, startBlock + blocks);
      if (isHere) needless.add(row);
      else {
        needless.delete(row);
        needed.add(row);
      }
    }
    return needless;
  }
}

function piecesByChunk({ chunk, count }: DiskPieces): Map<number, number[]> {
  const found = new Map<number, number[]>();
  for (let piece = 0; piece < count; piece++) {
    const owner = chunk[piece] ?? 0;
    const known = found.get(owner);
    if (known === undefined) found.set(owner, [piece]);
    else known.push(piece);
  }
  return found;
}

/** The first row that ends behind `block`. Binary search; rows are in disk order and disjoint. */
function firstEndingBehind(startBlock: Uint32Array, blocks: Uint32Array, block: number): number {
  let low = 0;
  let high = startBlock.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((startBlock[middle] ?? 0) + (blocks[middle] ?? 0) <= block) low = middle + 1;
    else high = middle;
  }
  return low;
}
