// Chunks, cut and compressed: all that a thread which only compresses loads.

export * from "./blocks.js";
export { ChunkAssembler, type CutChunk } from "./chunking/chunk-assembler.js";
export { ChunkCutter, type ChunkSink } from "./chunking/chunk-cutter.js";
export { metadataChunkBlocks } from "./chunking/cut-rule.js";
export {
  compressFrame,
  compressFrameInto,
  compressionLevel,
  decompressFrame,
  decompressFrameInto,
} from "./frames/zstd-frame.js";
