import { createHash } from "node:crypto";
import { blockSizeBytes, compressFrameInto, maxChunkBlocks } from "@sluice/disk/chunks";
import type { ChunkJob } from "./chunk-compressor.js";
import { readWhole } from "./equal-files.js";
import { hole } from "./plan-chunks.js";

let input: Uint8Array | undefined;

/** Room for the frame of any chunk: zstd's bound (`ZSTD_compressBound`) for 1 MiB, rounded up. Bytes. */
export const frameRoomBytes: number = maxChunkBlocks * blockSizeBytes + 8192;

export interface ChunkSummary {
  /** sha256 of the uncompressed bytes. */
  readonly sha256: Uint8Array;
  /** Of the frame, which is at the start of `target`. Bytes. */
  readonly frameBytes: number;
}

/** Reads, hashes and compresses one chunk into `target`. Synchronous: for a thread that does nothing else. */
export function compressChunk({ descriptor, runs }: ChunkJob, target: Uint8Array): ChunkSummary {
  input ??= new Uint8Array(maxChunkBlocks * blockSizeBytes);
  let at = 0;
  for (let i = 0; i < runs.length; i += 2) {
    const start = runs[i] ?? hole;
    const length = (runs[i + 1] ?? 0) * blockSizeBytes;
    if (start === hole) input.fill(0, at, at + length);
    else readWhole(descriptor, input, length, start * blockSizeBytes, at);
    at += length;
  }
  const bytes = input.subarray(0, at);
  const sha256 = new Uint8Array(createHash("sha256").update(bytes).digest());
  return { sha256, frameBytes: compressFrameInto(bytes, target) };
}
