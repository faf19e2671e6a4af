export { chunkState, FileChunks, type FileColumns, fileChunksModule, openChunkReader } from "./file-chunks.js";
export { OtlpReceiver, type ReceivedSpan } from "./otlp-receiver.js";
