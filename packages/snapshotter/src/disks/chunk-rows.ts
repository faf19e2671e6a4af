import type { Toc } from "@sluice/disk";
import type { ChunkRows } from "@sluice/store";
import type { DiskMap } from "./disk-map.js";

/** What read-ahead has to know of the chunks of an open disk. */
export const chunkRowsOf = (map: DiskMap): ChunkRows => ({
  compressedSize: sizesWithoutHidden(map),
  endOfRegion: (row) => endOfRegion(map.toc, row),
  isStored: (row) => map.isStored(row),
});

/** Compressed sizes of the chunks of the regions; 0 for those whose blocks all belong to startup chunks, which nobody reads. */
function sizesWithoutHidden({ pieces, toc }: DiskMap): Uint32Array {
  const sizes = new Uint32Array(toc.chunks.count);
  for (const chunk of pieces.chunk) {
    if (chunk < sizes.length) sizes[chunk] = toc.chunks.compressedSize[chunk] ?? 0;
  }
  return sizes;
}

/** Binary search among the regions, which are in the order of their chunks. */
function endOfRegion(toc: Toc, row: number): number {
  let low = 0;
  let high = toc.regions.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((toc.regions[middle]?.firstChunk ?? 0) <= row) low = middle;
    else high = middle - 1;
  }
  const region = toc.regions[low];
  return region === undefined ? row + 1 : region.firstChunk + region.chunkCount;
}
