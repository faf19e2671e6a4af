import type { Digest } from "@sluice/oci/content";
import type { SeekTable } from "../frames/seek-table.js";
import { DiskRegions } from "./disk-regions.js";
import { type BlobReference, blobKind, type ChunkTable, type Toc, type TocBlob, type TocRegion } from "./toc.js";
import { noStartup } from "./with-startup.js";

interface PlacedBlob {
  readonly region: TocRegion;
  readonly table: SeekTable;
}

/** Lays blobs out on the disk, in the order they are added, and joins their seek tables into one TOC. */
export class TocBuilder {
  readonly #source: Digest;
  readonly #blobs: TocBlob[] = [];
  readonly #placed: PlacedBlob[] = [];
  readonly #regions = new DiskRegions();
  #chunkCount = 0;

  /** @param source digest of the source image manifest; @param metadata fills the disk from block 0 */
  constructor(source: Digest, metadata: BlobReference, table: SeekTable) {
    this.#source = source;
    this.#place({ ...metadata, kind: blobKind.metadata }, table);
  }

  /**
   * A layer that occurs twice in the image lies on the disk once. An empty one takes no room.
   *
   * @returns its first block on the disk; that of the first occurrence for a layer that was added before
   */
  addLayer(blob: BlobReference, table: SeekTable): number {
    return this.#place({ ...blob, kind: blobKind.layer }, table);
  }

  /** `encodeToc` checks it. */
  build(): Toc {
    return {
      diskBlocks: this.#regions.diskBlocks,
      source: this.#source,
      blobs: this.#blobs,
      regions: this.#placed.map(({ region }) => region),
      chunks: this.#diskChunks(),
      startup: noStartup(),
    };
  }

  #place(blob: TocBlob, table: SeekTable): number {
    const blocks = table.blocks.reduce((sum, count) => sum + count, 0);
    const isPlaced = this.#regions.has(blob.digest);
    const startBlock = this.#regions.place(blob.digest, blocks);
    if (isPlaced) return startBlock;
    this.#blobs.push(blob);
    if (blocks === 0) return startBlock;
    const region = {
      startBlock,
      blocks,
      blob: this.#blobs.length - 1,
      firstChunk: this.#chunkCount,
      chunkCount: table.count,
    };
    this.#placed.push({ region, table });
    this.#chunkCount += table.count;
    return startBlock;
  }

  #diskChunks(): ChunkTable {
    const chunks = emptyTable(this.#chunkCount);
    for (const { region, table } of this.#placed) {
      copyColumns(chunks, region.firstChunk, table);
      chunks.blob.fill(region.blob, region.firstChunk, region.firstChunk + table.count);
      let next = region.startBlock;
      for (let row = 0; row < table.count; row++) {
        chunks.startBlock[region.firstChunk + row] = next;
        next += table.blocks[row] ?? 0;
      }
    }
    return chunks;
  }
}

function copyColumns(target: ChunkTable, firstRow: number, table: SeekTable): void {
  target.blocks.set(table.blocks, firstRow);
  target.offset.set(table.offset, firstRow);
  target.compressedSize.set(table.compressedSize, firstRow);
  target.sha256.set(table.sha256, firstRow * 32);
}

function emptyTable(count: number): ChunkTable {
  return {
    count,
    startBlock: new Uint32Array(count),
    blocks: new Uint32Array(count),
    blob: new Uint16Array(count),
    offset: new Float64Array(count),
    compressedSize: new Uint32Array(count),
    sha256: new Uint8Array(count * 32),
  };
}
