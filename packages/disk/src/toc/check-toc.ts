import { regionAlignmentBlocks } from "../blocks.js";
import { checkChunkRow } from "../frames/seek-table.js";
import { InvalidFormatError } from "../invalid-format-error.js";
import { checkStartupChunks } from "./check-startup-chunks.js";
import { blobKind, type Toc, type TocRegion } from "./toc.js";

/** The largest disk: 2^32 blocks, 16 TiB. */
export const maxDiskBlocks: number = 2 ** 32;
/** Far above the 127 layers an overlay can have. */
export const maxBlobs = 1024;

const part = "TOC";

/** What stands in front of the chunks. */
export type TocHead = Pick<Toc, "diskBlocks" | "blobs" | "regions">;

/** The rules of docs/format.md §5. @throws {InvalidFormatError} naming the row and the field */
export function checkToc(toc: Toc): void {
  checkTocHead(toc, toc.chunks.count);
  for (const [i, region] of toc.regions.entries()) checkChunksOfRegion(toc, region, i);
  checkStartupChunks(toc);
}

/** The rules for blobs and regions, which must hold before chunks are assigned to them. @throws {InvalidFormatError} */
export function checkTocHead(toc: TocHead, chunkCount: number): void {
  if (!Number.isSafeInteger(toc.diskBlocks) || toc.diskBlocks < 1 || toc.diskBlocks > maxDiskBlocks) {
    throw new InvalidFormatError(part, "blocks of the disk", `1 to ${maxDiskBlocks}`, toc.diskBlocks);
  }
  checkBlobs(toc);
  checkRegions(toc, chunkCount);
}

function checkBlobs(toc: TocHead): void {
  if (toc.blobs.length > maxBlobs) throw new InvalidFormatError(part, "blobs", `at most ${maxBlobs}`, toc.blobs.length);
  const digests = new Set<string>();
  const count = { [blobKind.metadata]: 0, [blobKind.layer]: 0, [blobKind.startup]: 0 };
  for (const [i, blob] of toc.blobs.entries()) {
    if (digests.has(blob.digest)) throw new InvalidFormatError(part, `blob ${i}`, "a digest of its own", blob.digest);
    digests.add(blob.digest);
    count[blob.kind]++;
  }
  if (count[blobKind.metadata] !== 1)
    throw new InvalidFormatError(part, "blobs", "one of kind metadata", count[blobKind.metadata]);
  if (count[blobKind.startup] > 1)
    throw new InvalidFormatError(part, "blobs", "at most one of kind startup", count[blobKind.startup]);
}

function checkRegions(toc: TocHead, chunkCount: number): void {
  if (toc.regions.length === 0) throw new InvalidFormatError(part, "regions", "at least one", 0);
  const used = new Set<number>();
  let end = 0;
  let firstChunk = 0;
  for (const [i, region] of toc.regions.entries()) {
    checkRegionBlob(toc, region, i);
    if (used.has(region.blob)) throw new InvalidFormatError(part, `region ${i}`, "a blob of its own", region.blob);
    used.add(region.blob);
    checkRegionPlace(region, i, end, toc.diskBlocks);
    end = region.startBlock + region.blocks;
    if (region.firstChunk !== firstChunk || region.chunkCount === 0) {
      const found = `${region.chunkCount} from ${region.firstChunk}`;
      throw new InvalidFormatError(part, `region ${i}`, `chunks from ${firstChunk} on`, found);
    }
    firstChunk += region.chunkCount;
  }
  if (firstChunk !== chunkCount)
    throw new InvalidFormatError(part, "chunks of the regions", `${chunkCount}`, firstChunk);
}

function checkRegionPlace(region: TocRegion, i: number, freeFrom: number, diskBlocks: number): void {
  const start = region.startBlock;
  if (i === 0 ? start !== 0 : start < freeFrom || start % regionAlignmentBlocks !== 0) {
    const wanted = i === 0 ? "start block 0" : `a start on a multiple of ${regionAlignmentBlocks} from ${freeFrom} on`;
    throw new InvalidFormatError(part, `region ${i}`, wanted, start);
  }
  if (region.blocks === 0 || start + region.blocks > diskBlocks) {
    throw new InvalidFormatError(
      part,
      `region ${i}`,
      `blocks that end by ${diskBlocks}`,
      `${region.blocks} from ${start}`,
    );
  }
}

function checkRegionBlob(toc: TocHead, region: TocRegion, i: number): void {
  const wanted = i === 0 ? blobKind.metadata : blobKind.layer;
  const kind = toc.blobs[region.blob]?.kind;
  if (kind !== wanted) throw new InvalidFormatError(part, `region ${i}`, `a blob of kind ${wanted}`, kind ?? "none");
}

function checkChunksOfRegion(toc: Toc, region: TocRegion, i: number): void {
  const { chunks } = toc;
  const blobBytes = toc.blobs[region.blob]?.sizeBytes ?? 0;
  let next = region.startBlock;
  for (let row = region.firstChunk; row < region.firstChunk + region.chunkCount; row++) {
    checkChunkRow(chunks, row, blobBytes, "TOC, chunks");
    if (chunks.startBlock[row] !== next || chunks.blob[row] !== region.blob) {
      throw new InvalidFormatError(
        part,
        `chunk ${row}`,
        `block ${next} of blob ${region.blob}`,
        chunks.startBlock[row],
      );
    }
    next += chunks.blocks[row] ?? 0;
  }
  const end = region.startBlock + region.blocks;
  if (next !== end) throw new InvalidFormatError(part, `region ${i}`, `chunks that fill it to block ${end}`, next);
}
