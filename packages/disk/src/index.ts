export { type GrowingColumn, growingFloat64, growingUint8, growingUint32 } from "./binary/growing-columns.js";
export * from "./byte-strings.js";
export * from "./chunks.js";
export type { ErofsDirent } from "./erofs/directory-block.js";
export type { DataExtent, ErofsInode } from "./erofs/erofs-inode.js";
export { type ErofsDirectoryEntry, ErofsReader, type ReadDirectoryOptions } from "./erofs/erofs-reader.js";
export type { ReadDisk } from "./erofs/metadata-blocks.js";
export { direntType, modeType } from "./erofs/on-disk.js";
export { type ErofsPlan, type PlanOptions, planErofs } from "./erofs/plan-erofs.js";
export type { Superblock } from "./erofs/read-superblock.js";
export type { DiskAddresses } from "./erofs/superblock.js";
export { type WalkedEntry, walkErofs } from "./erofs/walk-erofs.js";
export { writeErofs } from "./erofs/write-erofs.js";
export {
  type ReadRange,
  type RemoteBlob,
  readFooter,
  readSection,
  readSeekTable,
  readWholeSection,
} from "./frames/blob-reader.js";
export {
  type BlobTail,
  encodeBlobTail,
  footerDigest,
  footerOf,
  payloadOf,
  type SectionPayload,
} from "./frames/blob-tail.js";
export {
  type BlobFooter,
  type BlobSection,
  decodeFooter,
  encodeFooter,
  footerBytes,
  formatVersion,
} from "./frames/footer.js";
export { decodeSeekTable, encodeSeekTable, type SeekTable, SeekTableBuilder } from "./frames/seek-table.js";
export { InvalidFormatError } from "./invalid-format-error.js";
export { compareForGrouping, groupingOrder } from "./layer/grouping.js";
export * from "./layer/layer-index.js";
export { LayerIndexBuilder, type NewLayerEntry } from "./layer/layer-index-builder.js";
export { decodeLayerIndex, encodeLayerIndex, layerIndexBytes, maxLayerIndexBytes } from "./layer/layer-index-codec.js";
export { maxNameBytes, maxPathBytes, pathFault } from "./layer/normal-path.js";
export {
  encodeXattrs,
  iterateXattrs,
  maxXattrListBytes,
  maxXattrNameBytes,
  maxXattrValueBytes,
  type Xattr,
} from "./layer/xattr-list.js";
export { InvalidLayerError } from "./merge/invalid-layer-error.js";
export { mergeLayers } from "./merge/merge-layers.js";
export { type MergedTree, noLayer, pathOf, type XattrWarning } from "./merge/merged-tree.js";
export { encodeRecipe } from "./recipe/encode-recipe.js";
export type { RecipeInstruction } from "./recipe/instruction.js";
export { readRecipe } from "./recipe/read-recipe.js";
export { type ReadData, type RebuildOptions, rebuildTar } from "./recipe/rebuild-tar.js";
export { RecipeSpool, type SpoolSink } from "./recipe/recipe-spool.js";
export { bridgedRuns } from "./startup/bridged-runs.js";
export type { DiskRun } from "./startup/disk-run.js";
export { isSameDisk, mergeRecordings } from "./startup/merge-recordings.js";
export { normalRuns } from "./startup/normal-runs.js";
export {
  decodeRecording,
  encodeRecording,
  maxRecordedBlocks,
  maxRecordedRuns,
  maxRecordingBytes,
  type RecordedDisk,
  type RecordedRun,
  type Recording,
} from "./startup/recording.js";
export { startupChunks } from "./startup/startup-chunks.js";
export { chunkIndexAtBlock } from "./toc/chunk-at-block.js";
export { type DiskPieces, diskPieces, type StartupRun, startupRuns } from "./toc/disk-pieces.js";
export { DiskRegions } from "./toc/disk-regions.js";
export * from "./toc/toc.js";
export { TocBuilder } from "./toc/toc-builder.js";
export { decodeToc, type ExpectedToc, encodeToc, maxTocBytes } from "./toc/toc-codec.js";
export { type StartupChunks, withStartup } from "./toc/with-startup.js";
