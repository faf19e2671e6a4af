import type { SeekTable } from "../frames/seek-table.js";
import { type BlobReference, blobKind, type StartupTable, type Toc } from "./toc.js";

/** Chunks of a startup blob in stream order, and the pieces of the disk they are copies of. */
export interface StartupChunks
  extends SeekTable,
    Pick<StartupTable, "firstPiece" | "pieceStartBlock" | "pieceBlocks" | "prefetch"> {}

/** The TOC with this startup blob, or with none, in place of the one it had. `encodeToc` checks it. */
export function withStartup(
  toc: Toc,
  startup?: { readonly blob: BlobReference; readonly chunks: StartupChunks } | undefined,
): Toc {
  const kept = toc.blobs.filter(({ kind }) => kind !== blobKind.startup);
  const row = (blob: number): number => {
    const found = toc.blobs[blob];
    return found === undefined ? -1 : kept.indexOf(found);
  };
  const moved = {
    ...toc,
    regions: toc.regions.map((region) => ({ ...region, blob: row(region.blob) })),
    chunks: { ...toc.chunks, blob: toc.chunks.blob.map(row) },
  };
  if (startup === undefined) return { ...moved, blobs: kept, startup: noStartup() };
  const { digest, sizeBytes } = startup.blob;
  const { count, blocks, offset, compressedSize, sha256, firstPiece, pieceStartBlock, pieceBlocks, prefetch } =
    startup.chunks;
  const blob = new Uint16Array(count).fill(kept.length);
  return {
    ...moved,
    blobs: [...kept, { kind: blobKind.startup, digest, sizeBytes }],
    startup: {
      count,
      blocks,
      blob,
      offset,
      compressedSize,
      sha256,
      firstPiece,
      pieceStartBlock,
      pieceBlocks,
      prefetch,
    },
  };
}

/** The startup table of an image without startup blob. */
export const noStartup = (): StartupTable => ({
  count: 0,
  blocks: new Uint32Array(0),
  blob: new Uint16Array(0),
  offset: new Float64Array(0),
  compressedSize: new Uint32Array(0),
  sha256: new Uint8Array(0),
  firstPiece: new Uint32Array(1),
  pieceStartBlock: new Uint32Array(0),
  pieceBlocks: new Uint32Array(0),
  prefetch: new Uint32Array(0),
});
