import { readColumn, writeColumn } from "../binary/integers.js";
import type { StartupTable } from "./toc.js";

/** What the header of a TOC counts. */
export interface StartupCounts {
  readonly chunks: number;
  readonly pieces: number;
  readonly prefetch: number;
}

/** Columns of 4 + 4 + 32 bytes a chunk, 4 + 4 bytes a piece and 4 bytes a chunk to prefetch. docs/format.md §5 */
export const startupTableBytes = ({ chunks, pieces, prefetch }: StartupCounts): number =>
  (4 + 4 + 32) * chunks + (4 + 4) * pieces + 4 * prefetch;

export function writeStartup(bytes: Uint8Array, view: DataView, start: number, table: StartupTable): void {
  const { count, firstPiece, compressedSize, sha256, pieceStartBlock, pieceBlocks, prefetch } = table;
  const pieces = Uint32Array.from({ length: count }, (_, row) => (firstPiece[row + 1] ?? 0) - (firstPiece[row] ?? 0));
  writeColumn(view, start, pieces);
  writeColumn(view, start + 4 * count, compressedSize);
  bytes.set(sha256, start + 8 * count);
  const atPieces = start + 40 * count;
  writeColumn(view, atPieces, pieceStartBlock);
  writeColumn(view, atPieces + 4 * pieceStartBlock.length, pieceBlocks);
  writeColumn(view, atPieces + 8 * pieceStartBlock.length, prefetch);
}

/**
 * Blocks and offsets are not in the table: a chunk's blocks are those of its pieces, and frames lie back to back. `checkToc` refuses counts that do not go together.
 *
 * @param blob row of the startup blob
 */
export function readStartup(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  counts: StartupCounts,
  blob: number,
): StartupTable {
  const { chunks: count } = counts;
  const pieces = readColumn(view, start, count);
  const compressedSize = readColumn(view, start + 4 * count, count);
  const atPieces = start + 40 * count;
  const pieceStartBlock = readColumn(view, atPieces, counts.pieces);
  const pieceBlocks = readColumn(view, atPieces + 4 * counts.pieces, counts.pieces);
  const prefetch = readColumn(view, atPieces + 8 * counts.pieces, counts.prefetch);
  const firstPiece = new Uint32Array(count + 1);
  const blocks = new Uint32Array(count);
  const offset = new Float64Array(count);
  let nextOffset = 0;
  let nextPiece = 0;
  for (let row = 0; row < count; row++) {
    offset[row] = nextOffset;
    nextOffset += compressedSize[row] ?? 0;
    const end = Math.min(nextPiece + (pieces[row] ?? 0), counts.pieces);
    while (nextPiece < end) blocks[row] = (blocks[row] ?? 0) + (pieceBlocks[nextPiece++] ?? 0);
    firstPiece[row + 1] = nextPiece;
  }
  const sha256 = bytes.slice(start + 8 * count, atPieces);
  const inBlob = new Uint16Array(count).fill(blob);
  const places = { count, blocks, blob: inBlob, offset, compressedSize, sha256 };
  return { ...places, firstPiece, pieceStartBlock, pieceBlocks, prefetch };
}
