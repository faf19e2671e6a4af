import { blockSizeBytes, maxChunkBlocks } from "@sluice/disk/chunks";
import type { ChunkJob } from "./chunk-compressor.js";
import { readWhole } from "./equal-files.js";
import { hole } from "./plan-chunks.js";

let memory: Uint8Array | undefined;

/** The bytes of a planned chunk, valid until the next call. Synchronous. */
export function readChunk({ descriptor, runs }: Pick<ChunkJob, "descriptor" | "runs">): Uint8Array {
  memory ??= new Uint8Array(maxChunkBlocks * blockSizeBytes);
  let at = 0;
  for (let i = 0; i < runs.length; i += 2) {
    const start = runs[i] ?? hole;
    const length = (runs[i + 1] ?? 0) * blockSizeBytes;
    if (start === hole) memory.fill(0, at, at + length);
    else readWhole(descriptor, memory, length, start * blockSizeBytes, at);
    at += length;
  }
  return memory.subarray(0, at);
}
