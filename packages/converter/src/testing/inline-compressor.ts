import type { ChunkCompressor, ChunkJob, CompressedChunk } from "../layer/chunk-compressor.js";
import { compressChunk, frameRoomBytes } from "../layer/compress-chunk.js";

/** Compresses in this thread, but answers late and in an order of its own, as threads do. */
export class InlineCompressor implements ChunkCompressor {
  readonly maxInFlight: number;
  #jobs = 0;
  #inUse = 0;

  constructor(maxInFlight = 4) {
    this.maxInFlight = maxInFlight;
  }

  async compress(job: ChunkJob): Promise<CompressedChunk> {
    if (++this.#inUse > this.maxInFlight) throw new RangeError("more chunks in flight than there is memory for");
    const memory = new Uint8Array(frameRoomBytes);
    const { sha256, frameBytes } = compressChunk(job, memory);
    const turns = (this.#jobs++ * 7) % 5;
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
    const release = (): void => {
      this.#inUse--;
      memory.fill(0); // shows who reads on
    };
    return { blocks: job.blocks, sha256, frame: memory.subarray(0, frameBytes), release };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // nothing was started
  }
}
