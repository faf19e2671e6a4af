import type { ChunkCompressor, ChunkJob, CompressedChunk } from "../layer/chunk-compressor.js";
import { compressChunk } from "../layer/compress-chunk.js";

/** Compresses in this thread, but answers late and in an order of its own, as threads do. */
export class InlineCompressor implements ChunkCompressor {
  readonly maxInFlight: number;
  #jobs = 0;

  constructor(maxInFlight = 4) {
    this.maxInFlight = maxInFlight;
  }

  async compress(job: ChunkJob): Promise<CompressedChunk> {
    const chunk = compressChunk(job);
    const turns = (this.#jobs++ * 7) % 5;
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
    return chunk;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // nothing was started
  }
}
