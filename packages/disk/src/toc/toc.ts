import type { Digest } from "@sluice/oci/content";

/** Kinds of blob that hold chunks. The numbers are those of docs/format.md §2.2. */
export const blobKind = { metadata: 1, layer: 2, startup: 3 } as const;

export type BlobKind = (typeof blobKind)[keyof typeof blobKind];

/** A blob as the artifact's manifest names it. */
export interface BlobReference {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface TocBlob {
  readonly kind: BlobKind;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** A run of disk blocks that one blob fills. Blocks outside every region read as zeros. */
export interface TocRegion {
  readonly startBlock: number;
  readonly blocks: number;
  /** Index into {@link Toc.blobs}. */
  readonly blob: number;
  readonly firstChunk: number;
  readonly chunkCount: number;
}

/** Where chunks are stored, as columns; row `i` of each belongs to chunk `i`. */
export interface StoredChunks {
  readonly count: number;
  readonly blocks: Uint32Array;
  /** Index into {@link Toc.blobs}. */
  readonly blob: Uint16Array;
  /** Of the zstd frame in its blob. Bytes; safe integers. */
  readonly offset: Float64Array;
  /** Of the zstd frame. Bytes; 0 is a zero chunk, which lies in no blob. */
  readonly compressedSize: Uint32Array;
  /** 32 bytes a chunk: sha256 of the uncompressed bytes. */
  readonly sha256: Uint8Array;
}

/** Chunks that are runs of the disk. */
export interface ChunkTable extends StoredChunks {
  /** First block on the disk. */
  readonly startBlock: Uint32Array;
}

/** Chunks that are put together from pieces of the disk: their blocks are those of their pieces, one piece behind the other. */
export interface StartupTable extends StoredChunks {
  /** Chunk `i` has the pieces from `firstPiece[i]` up to, not including, `firstPiece[i + 1]`; one number more than there are chunks. */
  readonly firstPiece: Uint32Array;
  /** First block on the disk, by piece. */
  readonly pieceStartBlock: Uint32Array;
  /** By piece. */
  readonly pieceBlocks: Uint32Array;
  /** Rows of {@link Toc.chunks} that a start is expected to read and of which the startup blob has no copies, or not of all their blocks; in order of first use, each once. */
  readonly prefetch: Uint32Array;
}

/** The table of contents of one converted image: where each block of its disk comes from. docs/format.md §5 */
export interface Toc {
  readonly diskBlocks: number;
  /** Digest of the source image manifest. */
  readonly source: Digest;
  readonly blobs: readonly TocBlob[];
  /** In disk order; region 0 is the metadata. */
  readonly regions: readonly TocRegion[];
  /** In disk order: `startBlock` rises. */
  readonly chunks: ChunkTable;
  /** Second copies in the startup blob, in stream order; empty when there is none. */
  readonly startup: StartupTable;
}
