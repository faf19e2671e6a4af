import type { DiskRun } from "../startup/disk-run.js";
import type { StartupTable } from "../toc/toc.js";

/** The table of startup chunks of these pieces, frames of ten bytes each; the id of chunk `i` is 32 times the byte `firstId + i`. */
export function startupTable(
  chunks: readonly (readonly DiskRun[])[],
  { blob = 0, firstId = 1, prefetch = [] }: { blob?: number; firstId?: number; prefetch?: readonly number[] } = {},
): StartupTable {
  const count = chunks.length;
  const pieces = chunks.flat();
  const firstPiece = new Uint32Array(count + 1);
  for (const [row, own] of chunks.entries()) firstPiece[row + 1] = (firstPiece[row] ?? 0) + own.length;
  return {
    count,
    blocks: Uint32Array.from(chunks, (own) => own.reduce((sum, { blocks }) => sum + blocks, 0)),
    blob: new Uint16Array(count).fill(blob),
    offset: Float64Array.from(chunks, (_, row) => 10 * row),
    compressedSize: new Uint32Array(count).fill(10),
    sha256: Uint8Array.from(chunks.flatMap((_, row) => new Array<number>(32).fill(firstId + row))),
    firstPiece,
    pieceStartBlock: Uint32Array.from(pieces, ({ startBlock }) => startBlock),
    pieceBlocks: Uint32Array.from(pieces, ({ blocks }) => blocks),
    prefetch: Uint32Array.from(prefetch),
  };
}
