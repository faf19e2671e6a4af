import type { AbortOptions } from "@sluice/oci";

/** A chunk to compress: where its blocks are. */
export interface ChunkJob {
  /** Of the temporary file that holds the blocks. */
  readonly descriptor: number;
  readonly blocks: number;
  /** As in `PlannedChunk`. */
  readonly runs: Float64Array;
}

export interface CompressedChunk {
  readonly blocks: number;
  /** sha256 of the uncompressed bytes. */
  readonly sha256: Uint8Array;
  /** One zstd frame. */
  readonly frame: Uint8Array;
}

/** Compresses chunks, several at once. The same chunk gives the same frame, whoever does it. */
export interface ChunkCompressor extends AsyncDisposable {
  /** More than this at once only costs memory. */
  readonly maxInFlight: number;
  /** Rejects when the file cannot be read, or with the signal's reason. */
  compress(job: ChunkJob, options?: AbortOptions): Promise<CompressedChunk>;
}
