import { createHash } from "node:crypto";
import { blockSizeBytes, compressFrameInto, maxChunkBlocks } from "@sluice/disk/chunks";
import type { ChunkJob } from "./chunk-compressor.js";
import { readChunk } from "./read-chunk.js";

/** Room for the frame of any chunk: zstd's bound (`ZSTD_compressBound`) for 1 MiB, rounded up. Bytes. */
export const frameRoomBytes: number = maxChunkBlocks * blockSizeBytes + 8192;

export interface ChunkSummary {
  /** sha256 of the uncompressed bytes. */
  readonly sha256: Uint8Array;
  /** Of the frame, which is at the start of `target`. Bytes. */
  readonly frameBytes: number;
}

/** Reads, hashes and compresses one chunk into `target`. Synchronous: for a thread that does nothing else. */
export function compressChunk(job: ChunkJob, target: Uint8Array): ChunkSummary {
  const bytes = readChunk(job);
  const sha256 = new Uint8Array(createHash("sha256").update(bytes).digest());
  return { sha256, frameBytes: compressFrameInto(bytes, target, job.level) };
}
