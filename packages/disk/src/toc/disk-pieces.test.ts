import { sha256Of } from "@sluice/oci/content";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { startupTable } from "../testing/startup-table.js";
import { chunkIndexAtBlock } from "./chunk-at-block.js";
import { type DiskPieces, diskPieces, startupRuns } from "./disk-pieces.js";
import type { ChunkTable, Toc } from "./toc.js";

function table(rows: readonly { start: number; blocks: number }[]): ChunkTable {
  return {
    count: rows.length,
    startBlock: Uint32Array.from(rows, ({ start }) => start),
    blocks: Uint32Array.from(rows, ({ blocks }) => blocks),
    blob: new Uint16Array(rows.length),
    offset: new Float64Array(rows.length),
    compressedSize: new Uint32Array(rows.length).fill(1),
    sha256: new Uint8Array(rows.length * 32),
  };
}

/** Regions of chunks with gaps between them, and startup chunks that lie inside one region each. */
const tocs: fc.Arbitrary<Toc> = fc
  .array(fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 4 })
  .chain((regions) => {
    const chunks: { start: number; blocks: number }[] = [];
    const bounds = regions.map((lengths, index) => {
      const start = index * 50;
      let end = start;
      for (const blocks of lengths) {
        chunks.push({ start: end, blocks });
        end += blocks;
      }
      return { start, end };
    });
    const startup = fc
      .record({ region: fc.nat(regions.length - 1), from: fc.nat(40), blocks: fc.integer({ min: 1, max: 12 }) })
      .map(({ region, from, blocks }) => {
        const { start, end } = bounds[region] ?? { start: 0, end: 1 };
        const first = start + (from % (end - start));
        return { startBlock: first, blocks: Math.min(blocks, end - first) };
      });
    return fc.array(fc.array(startup, { minLength: 1, maxLength: 3 }), { maxLength: 8 }).map(
      (rows): Toc => ({
        diskBlocks: bounds.at(-1)?.end ?? 1,
        source: sha256Of("source"),
        blobs: [],
        regions: [],
        chunks: table(chunks),
        startup: startupTable(rows),
      }),
    );
  });

/** Chunk and offset of a block, as the rule says it. */
function ownerByRule(toc: Toc, block: number, isOffered: (row: number) => boolean): [number, number] | undefined {
  for (const { startBlock, blocks, row, offsetInChunk } of startupRuns(toc)) {
    if (!isOffered(row) || block < startBlock || block >= startBlock + blocks) continue;
    return [toc.chunks.count + row, offsetInChunk + block - startBlock];
  }
  const row = chunkIndexAtBlock(toc.chunks, block);
  return row < 0 ? undefined : [row, block - (toc.chunks.startBlock[row] ?? 0)];
}

function ownersByBlock(pieces: DiskPieces, diskBlocks: number): ([number, number] | undefined)[] {
  const owners: ([number, number] | undefined)[] = new Array(diskBlocks).fill(undefined);
  for (let piece = 0; piece < pieces.count; piece++) {
    const start = pieces.startBlock[piece] ?? 0;
    for (let block = 0; block < (pieces.blocks[piece] ?? 0); block++) {
      owners[start + block] = [pieces.chunk[piece] ?? 0, (pieces.offsetInChunk[piece] ?? 0) + block];
    }
  }
  return owners;
}

describe("the pieces of a disk", () => {
  it("give each block to the first startup chunk that holds it, else to its own chunk", () => {
    fc.assert(
      fc.property(tocs, fc.func(fc.boolean()), (toc, isOffered) => {
        const owners = ownersByBlock(diskPieces(toc, isOffered), toc.diskBlocks);
        expect(owners).toEqual(owners.map((_, block) => ownerByRule(toc, block, isOffered)));
      }),
    );
  });

  it("are in disk order, disjoint, never empty, and joined where they go on in one chunk", () => {
    fc.assert(
      fc.property(tocs, (toc) => {
        const { count, startBlock, blocks, chunk, offsetInChunk } = diskPieces(toc);
        for (let piece = 0; piece < count; piece++) {
          expect(blocks[piece]).toBeGreaterThan(0);
          if (piece === 0) continue;
          const end = (startBlock[piece - 1] ?? 0) + (blocks[piece - 1] ?? 0);
          expect(startBlock[piece]).toBeGreaterThanOrEqual(end);
          const goesOn =
            startBlock[piece] === end &&
            chunk[piece] === chunk[piece - 1] &&
            offsetInChunk[piece] === (offsetInChunk[piece - 1] ?? 0) + (blocks[piece - 1] ?? 0);
          expect(goesOn).toBe(false);
        }
      }),
    );
  });

  it("are the chunks themselves when there is no startup chunk, or none is offered", () => {
    fc.assert(
      fc.property(tocs, (toc) => {
        const pieces = diskPieces(toc, () => false);
        expect(pieces.startBlock).toEqual(toc.chunks.startBlock);
        expect(pieces.blocks).toEqual(toc.chunks.blocks);
        expect([...pieces.chunk]).toEqual([...pieces.chunk].map((_, row) => row));
        expect(Math.max(0, ...pieces.offsetInChunk)).toBe(0);
        expect(diskPieces({ ...toc, startup: startupTable([]) })).toEqual(pieces);
      }),
    );
  });
});
