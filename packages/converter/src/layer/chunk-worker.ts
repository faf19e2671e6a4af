import { parentPort } from "node:worker_threads";
import type { ChunkJob } from "./chunk-compressor.js";
import { compressChunk } from "./compress-chunk.js";

// A worker thread of CompressorPool: one job a message, one answer to each, in order.

/** What a worker answers: the chunk, or why there is none. */
export type WorkerAnswer =
  | { readonly blocks: number; readonly sha256: Uint8Array; readonly frame: Uint8Array }
  | { readonly error: unknown };

parentPort?.on("message", (job: ChunkJob) => {
  try {
    const chunk = compressChunk(job);
    const sha256 = new Uint8Array(chunk.sha256);
    parentPort?.postMessage({ blocks: chunk.blocks, sha256, frame: chunk.frame }, [chunk.frame.buffer as ArrayBuffer]); // compressFrame gives memory of its own
  } catch (error) {
    parentPort?.postMessage({ error });
  }
});
