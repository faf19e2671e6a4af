import { blockSizeBytes, type StoredChunks, type Toc } from "@sluice/disk";
import { digestOfHash } from "@sluice/oci/content";
import type { ChunkPlace } from "@sluice/store";

/** The table and the row in it of a chunk, numbered as in `DiskPieces`: the chunks of the regions first, then those of the startup blob. */
export function tableOf(toc: Toc, chunk: number): { readonly table: StoredChunks; readonly row: number } {
  const { chunks, startup } = toc;
  return chunk < chunks.count ? { table: chunks, row: chunk } : { table: startup, row: chunk - chunks.count };
}

/** Where a chunk of the disk lies. Not for zero chunks, which lie nowhere. */
export function chunkPlace(toc: Toc, chunk: number): ChunkPlace {
  const { table, row } = tableOf(toc, chunk);
  const blob = toc.blobs[table.blob[row] ?? -1];
  if (!blob) throw new RangeError(`chunk ${chunk}: its blob is not in the TOC`);
  const start = table.offset[row] ?? 0;
  return {
    id: digestOfHash(table.sha256, row * 32),
    sizeBytes: (table.blocks[row] ?? 0) * blockSizeBytes,
    blob: blob.digest,
    frame: { start, end: start + (table.compressedSize[row] ?? 0) },
    ...(table === toc.startup && { isReplaceable: true }), // by the chunks of the regions
  };
}
