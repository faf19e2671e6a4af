import { createHash } from "node:crypto";
import { blockSizeBytes, compressFrame, maxChunkBlocks } from "@sluice/disk";
import type { ChunkJob, CompressedChunk } from "./chunk-compressor.js";
import { readWhole } from "./equal-files.js";
import { hole } from "./plan-chunks.js";

let input: Uint8Array | undefined;

/** Reads, hashes and compresses one chunk. Synchronous: for a thread that does nothing else. */
export function compressChunk({ descriptor, blocks, runs }: ChunkJob): CompressedChunk {
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
  return { blocks, sha256: createHash("sha256").update(bytes).digest(), frame: compressFrame(bytes) };
}
