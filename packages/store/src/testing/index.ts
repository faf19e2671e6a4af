export { blobStoreSuite, type OpenedBlobStore, Pieces } from "./blob-store-suite.js";
export { chunkStoreSuite } from "./chunk-store-suite.js";
export { claimsOf, seededBytes, seededChunk } from "./chunks.js";
export { missingObjectStorage, type ObjectStorage, startObjectStorage } from "./object-storage.js";
export { type OpenedUploadStore, uploadStoreSuite } from "./upload-store-suite.js";
