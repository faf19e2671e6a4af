export {
  BlobMissingError,
  NoSpaceError,
  UploadBusyError,
  UploadOffsetError,
  UploadUnknownError,
} from "./blob/blob-errors.js";
export type { BlobStore, ListedBlob, ReadOptions, SizeOptions, StoredBlob } from "./blob/blob-store.js";
export { FileSystemBlobStore } from "./blob/file-system-blob-store.js";
export { FileSystemUploadStore } from "./blob/file-system-upload-store.js";
export type { PieceMemory } from "./blob/piece-memory.js";
export type { UploadStatus, UploadStore } from "./blob/upload-store.js";
export { breakChunkStoreLock } from "./chunk/break-lock.js";
export { ChunkMissingError, type ChunkSource, type VerifiedChunk, verifyChunk } from "./chunk/chunk-source.js";
export {
  type ChunkBinding,
  type ChunkStore,
  type ChunkStoreStats,
  type PutOutcome,
  type ScrubProgress,
  TooManyChunksError,
} from "./chunk/chunk-store.js";
export { type ChunkStoreOptions, minBudgetBytes, openChunkStore } from "./chunk/segment-chunk-store.js";
export { ReadersStuckError, StoreLockedError } from "./chunk/store-errors.js";
export type { ChunkStoreEvent } from "./chunk/store-health.js";
export type { BlobRangeSource } from "./fetch/blob-ranges.js";
export { ChunkFetcher, type ChunkFetcherOptions, type StreamOptions } from "./fetch/chunk-fetcher.js";
export { type ChunkWait, type FetchOptions, type WaitStage, waitStages } from "./fetch/chunk-wait.js";
export { defaultFetchConfig, type FetchConfig } from "./fetch/fetch-config.js";
export { ChunkFetchError, FetcherClosedError } from "./fetch/fetch-errors.js";
export type { ChunkPlace, FetchCause } from "./fetch/fetch-request.js";
export type { CauseStats, FetchStats } from "./fetch/fetch-stats.js";
export type { UseBytes } from "./fetch/flight.js";
export { type ChunkRows, defaultReadAhead, ReadAhead, type ReadAheadConfig } from "./fetch/read-ahead.js";
export { LevelChanges, type LevelPart, SteadyLevel } from "./level/steady-level.js";
export * from "./reader.js";
