import { checkChunkRow } from "../frames/seek-table.js";
import { InvalidFormatError } from "../invalid-format-error.js";
import { blobKind, type Toc, type TocRegion } from "./toc.js";

const part = "TOC";

/** Far above what a start reads: 2 GiB in single blocks. What opens a disk looks at each piece, without letting others in between. */
const maxPieces = 2 ** 19;

/** The rules of docs/format.md §5 for startup chunks, and for those to prefetch behind them. @throws {InvalidFormatError} naming the chunk */
export function checkStartupChunks(toc: Toc): void {
  const { startup } = toc;
  const blob = toc.blobs.findIndex(({ kind }) => kind === blobKind.startup);
  if (startup.count > 0 && blob < 0) throw new InvalidFormatError(part, "startup chunks", "a startup blob", "none");
  const pieces = startup.pieceStartBlock.length;
  if (pieces > maxPieces) throw new InvalidFormatError(part, "startup pieces", `at most ${maxPieces}`, pieces);
  if (startup.firstPiece[0] !== 0 || startup.firstPiece[startup.count] !== pieces)
    throw new InvalidFormatError(part, "startup pieces", `${pieces}`, startup.firstPiece[startup.count]);
  const blobBytes = toc.blobs[blob]?.sizeBytes ?? 0;
  let nextOffset = 0;
  for (let row = 0; row < startup.count; row++) {
    checkChunkRow(startup, row, blobBytes, "TOC, startup chunks");
    if (startup.compressedSize[row] === 0) throw new InvalidFormatError(part, `startup chunk ${row}`, "data", "zeros");
    if (startup.offset[row] !== nextOffset || startup.blob[row] !== blob) {
      throw new InvalidFormatError(part, `startup chunk ${row}`, `an offset of ${nextOffset}`, startup.offset[row]);
    }
    nextOffset += startup.compressedSize[row] ?? 0;
    checkPieces(toc, row);
  }
  checkPrefetch(toc);
}

/** @throws {InvalidFormatError} unless these are chunks with data, each named once */
function checkPrefetch({ chunks, startup }: Toc): void {
  const named = new Uint8Array(chunks.count);
  for (const [i, row] of startup.prefetch.entries()) {
    const isData = (chunks.compressedSize[row] ?? 0) > 0;
    if (!isData || named[row] === 1)
      throw new InvalidFormatError(part, `chunk ${i} to prefetch`, "a row of a chunk with data, once", row);
    named[row] = 1;
  }
}

/** @throws {InvalidFormatError} unless the pieces of a startup chunk have its blocks, each those of one region */
function checkPieces({ regions, startup }: Toc, row: number): void {
  let blocks = 0;
  const end = startup.firstPiece[row + 1] ?? 0;
  for (let piece = startup.firstPiece[row] ?? 0; piece < end; piece++) {
    const start = startup.pieceStartBlock[piece] ?? 0;
    const length = startup.pieceBlocks[piece] ?? 0;
    if (length === 0 || !liesInOneRegion(regions, start, length)) {
      const place = `startup chunk ${row}, piece ${piece}`;
      throw new InvalidFormatError(part, place, "blocks of one region", `${length} from ${start}`);
    }
    blocks += length;
  }
  if (blocks !== startup.blocks[row])
    throw new InvalidFormatError(part, `startup chunk ${row}`, `pieces of ${startup.blocks[row]} blocks`, blocks);
}

/** Binary search: regions are in disk order. */
function liesInOneRegion(regions: readonly TocRegion[], start: number, blocks: number): boolean {
  let low = 0;
  let high = regions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((regions[middle]?.startBlock ?? 0) <= start) low = middle + 1;
    else high = middle;
  }
  const region = regions[low - 1];
  return region !== undefined && start + blocks <= region.startBlock + region.blocks;
}
