export { chunkState, FileChunks, type FileColumns, fileChunksModule, openChunkReader } from "./file-chunks.js";
