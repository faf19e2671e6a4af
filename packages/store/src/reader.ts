// Reading a chunk store from another thread: all that such a thread loads.

export { MISS, SharedChunkReader, type SharedChunkReaderOptions } from "./chunk/shared-chunk-reader.js";
export { maxStoredChunkBytes, type StoreShared } from "./chunk/store-shared.js";
