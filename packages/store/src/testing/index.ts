export { blobStoreSuite, type OpenedBlobStore } from "./blob-store-suite.js";
export { chunkStoreSuite } from "./chunk-store-suite.js";
export { claimsOf, seededBytes, seededChunk } from "./chunks.js";
export { type OpenedUploadStore, uploadStoreSuite } from "./upload-store-suite.js";
