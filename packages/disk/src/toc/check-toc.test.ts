import { describe, expect, it } from "vitest";
import { sampleToc } from "../testing/samples.js";
import { checkToc } from "./check-toc.js";
import { blobKind, type Toc, type TocBlob, type TocRegion } from "./toc.js";

const withBlob = (i: number, change: Partial<TocBlob>): Toc => {
  const toc = sampleToc();
  return { ...toc, blobs: toc.blobs.map((blob, row) => (row === i ? { ...blob, ...change } : blob)) };
};
const withRegion = (i: number, change: Partial<TocRegion>): Toc => {
  const toc = sampleToc();
  return { ...toc, regions: toc.regions.map((region, row) => (row === i ? { ...region, ...change } : region)) };
};
const changed = (change: (toc: Toc) => void): Toc => {
  const toc = sampleToc();
  change(toc);
  return toc;
};
/** Startup chunks of a block each. */
function withManyPieces(count: number): Toc {
  const toc = sampleToc();
  const one = new Uint32Array(count).fill(1);
  const startup = {
    count,
    blocks: one,
    blob: new Uint16Array(count).fill(4),
    offset: Float64Array.from(one, (_, row) => row),
    compressedSize: one,
    sha256: new Uint8Array(32 * count),
    firstPiece: Uint32Array.from({ length: count + 1 }, (_, row) => row),
    pieceStartBlock: new Uint32Array(count),
    pieceBlocks: one,
    prefetch: new Uint32Array(0),
  };
  return { ...toc, startup };
}
const digestOf = (i: number): TocBlob["digest"] => {
  const blob = sampleToc().blobs[i];
  if (blob === undefined) throw new Error(`the sample has no blob ${i}`);
  return blob.digest;
};

describe("a TOC is refused", () => {
  it.each<[string, Toc, RegExp]>([
    ["with a blob twice", withBlob(1, { digest: digestOf(0) }), /blob 1: expected a digest of its own/],
    ["without metadata", withBlob(0, { kind: blobKind.layer }), /one of kind metadata/],
    ["with two startup blobs", withBlob(2, { kind: blobKind.startup }), /at most one of kind startup/],
    ["without regions", { ...sampleToc(), regions: [] }, /regions: expected at least one/],
    ["with metadata behind block 0", withRegion(0, { startBlock: 262_144 }), /region 0: expected start block 0/],
    [
      "with a region off its grid",
      withRegion(1, { startBlock: 262_145 }),
      /region 1: expected a start on a multiple of 262144/,
    ],
    ["with regions out of order", withRegion(2, { startBlock: 262_144 }), /region 2: expected a start/],
    ["with a layer in front", withRegion(0, { blob: 1 }), /region 0: expected a blob of kind 1/],
    ["with a region in no blob", withRegion(1, { blob: 9 }), /region 1: expected a blob of kind 2, found none/],
    ["with a region in the startup blob", withRegion(1, { blob: 4 }), /found 3/],
    ["with two regions in a blob", withRegion(2, { blob: 1 }), /region 2: expected a blob of its own/],
    ["with a region without blocks", withRegion(1, { blocks: 0 }), /region 1: expected blocks/],
    ["with a region behind the end", withRegion(2, { blocks: 2 ** 33 }), /region 2: expected blocks that end by/],
    ["with a region that chunks do not fill", withRegion(1, { blocks: 14 }), /region 1: expected chunks that fill it/],
    ["with chunks in no region", withRegion(1, { firstChunk: 5 }), /chunks from 4 on/],
    ["with regions that share chunks", withRegion(1, { firstChunk: 3 }), /chunks from 4 on/],
    ["with a disk that is no number", { ...sampleToc(), diskBlocks: Number.NaN }, /blocks of the disk/],
    ["with a chunk without blocks", changed((toc) => toc.chunks.blocks.fill(0, 5, 6)), /TOC, chunks, row 5/],
    ["with a chunk over 1 MiB", changed((toc) => toc.chunks.blocks.fill(257, 0, 1)), /at most 256 blocks/],
    [
      "with a frame outside its blob",
      changed((toc) => toc.chunks.offset.fill(901, 4, 5)),
      /row 4: expected a frame that ends by 1000/,
    ],
    ["with an id on a zero chunk", changed((toc) => toc.chunks.sha256.fill(1, 64, 65)), /zero chunk/],
    [
      "with a chunk in the wrong blob",
      changed((toc) => toc.chunks.blob.fill(3, 4, 5)),
      /chunk 4: expected block 262144 of blob 1/,
    ],
    ["with startup chunks of zeros", changed((toc) => clearStartup(toc)), /startup chunk 0: expected data/],
    [
      "with a gap in the startup blob",
      changed((toc) => toc.startup.offset.fill(41, 1, 2)),
      /startup chunk 1: expected an offset of 40/,
    ],
    [
      "with a startup piece outside regions",
      changed((toc) => toc.startup.pieceStartBlock.fill(20, 0, 1)),
      /startup chunk 0, piece 0: expected blocks of one region, found 1 from 20/,
    ],
    [
      "with a startup piece over the end of a region",
      changed((toc) => {
        toc.startup.pieceStartBlock.fill(12, 2, 3);
        toc.startup.pieceBlocks.fill(2, 2, 3);
      }),
      /startup chunk 1, piece 2: expected blocks of one region/,
    ],
    ["with an empty startup piece", changed((toc) => toc.startup.pieceBlocks.fill(0, 1, 2)), /found 0 from 0/],
    [
      "with pieces of other blocks than their chunk has",
      changed((toc) => toc.startup.pieceBlocks.fill(2, 3, 4)),
      /startup chunk 2: expected pieces of 1 blocks, found 2/,
    ],
    [
      "with a startup chunk of no pieces",
      changed((toc) => toc.startup.firstPiece.fill(3, 1, 2)),
      /startup chunk 0: expected pieces of 1 blocks, found 3/,
    ],
    [
      "with pieces in no startup chunk",
      changed((toc) => toc.startup.firstPiece.fill(3, 3, 4)),
      /startup pieces: expected 4/,
    ],
    [
      "with zeros to prefetch",
      changed((toc) => toc.startup.prefetch.fill(2, 0, 1)),
      /chunk 0 to prefetch: expected a row of a chunk with data, once, found 2/,
    ],
    ["with a chunk to prefetch twice", changed((toc) => toc.startup.prefetch.fill(9)), /chunk 1 to prefetch/],
    [
      "with more startup pieces than any start needs",
      withManyPieces(2 ** 19 + 1),
      /startup pieces: expected at most 524288/,
    ],
    [
      "with startup chunks and no startup blob",
      { ...sampleToc(), blobs: sampleToc().blobs.slice(0, 4) },
      /a startup blob/,
    ],
  ])("%s", (_, toc, message) => expect(() => checkToc(toc)).toThrow(message));

  it("unless it keeps every rule", () => expect(() => checkToc(sampleToc())).not.toThrow());
});

function clearStartup(toc: Toc): void {
  toc.startup.compressedSize.fill(0, 0, 1);
  toc.startup.sha256.fill(0, 0, 32);
}
