import type { AbortOptions } from "@sluice/oci";

/** A chunk to compress: where its blocks are. */
export interface ChunkJob {
  /** Of the temporary file that holds the blocks. */
  readonly descriptor: number;
  readonly blocks: number;
  /** As in `PlannedChunk`. */
  readonly runs: Float64Array;
  /** Of zstd; that of layers when left out. */
  readonly level?: number | undefined;
}

export interface CompressedChunk {
  readonly blocks: number;
  /** sha256 of the uncompressed bytes. */
  readonly sha256: Uint8Array;
  /** One zstd frame; valid until {@link release}. */
  readonly frame: Uint8Array;
  /** Gives the frame's memory back for another one. */
  release(): void;
}

/** Compresses chunks, several at once. The same chunk gives the same frame, whoever does it. */
export interface ChunkCompressor extends AsyncDisposable {
  /** How many chunks there is memory for: those under way and those not yet released. */
  readonly maxInFlight: number;
  /** Rejects when the file cannot be read, with the signal's reason, and with a RangeError when there is no memory. */
  compress(job: ChunkJob, options?: AbortOptions): Promise<CompressedChunk>;
}
