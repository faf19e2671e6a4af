import { parentPort, workerData } from "node:worker_threads";
import type { ChunkJob } from "./chunk-compressor.js";
import { type ChunkSummary, compressChunk, frameRoomBytes } from "./compress-chunk.js";

// A worker thread of CompressorPool: one job a message, one answer to each, in order. Frames go into memory shared with the pool.

/** What a worker is told: a job, and in which slot of the shared memory the frame goes. */
export interface WorkerJob extends ChunkJob {
  readonly slot: number;
}

/** What a worker answers: where the frame is, or why there is none. */
export type WorkerAnswer = ChunkSummary | { readonly error: unknown };

const frames = new Uint8Array(workerData as SharedArrayBuffer); // the pool gives nothing else

parentPort?.on("message", ({ slot, ...job }: WorkerJob) => {
  let answer: WorkerAnswer;
  try {
    answer = compressChunk(job, frames.subarray(slot * frameRoomBytes, (slot + 1) * frameRoomBytes));
  } catch (error) {
    answer = { error };
  }
  parentPort?.postMessage(answer);
});
