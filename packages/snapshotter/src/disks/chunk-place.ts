import { blockSizeBytes, type Toc } from "@sluice/disk";
import { digestOfHash } from "@sluice/oci/content";
import type { ChunkPlace } from "@sluice/store";

/** Where a chunk of the disk lies. Not for zero chunks, which lie nowhere. */
export function chunkPlace(toc: Toc, row: number): ChunkPlace {
  const { chunks } = toc;
  const blob = toc.blobs[chunks.blob[row] ?? -1];
  if (!blob) throw new RangeError(`chunk ${row}: its blob is not in the TOC`);
  const start = chunks.offset[row] ?? 0;
  return {
    id: digestOfHash(chunks.sha256, row * 32),
    sizeBytes: (chunks.blocks[row] ?? 0) * blockSizeBytes,
    blob: blob.digest,
    frame: { start, end: start + (chunks.compressedSize[row] ?? 0) },
  };
}
