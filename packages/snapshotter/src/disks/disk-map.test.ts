import { blobKind, blockSizeBytes, type ChunkTable, type Toc } from "@sluice/disk";
import { startupTable } from "@sluice/disk/testing";
import { sha256Of } from "@sluice/oci";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chunkPlace } from "./chunk-place.js";
import { chunkClaims, DiskMap } from "./disk-map.js";

interface Row {
  readonly start: number;
  readonly blocks: number;
}

function table(rows: readonly Row[], blob: number): ChunkTable {
  return {
    count: rows.length,
    startBlock: Uint32Array.from(rows, ({ start }) => start),
    blocks: Uint32Array.from(rows, ({ blocks }) => blocks),
    blob: new Uint16Array(rows.length).fill(blob),
    offset: Float64Array.from(rows, (_, row) => row * 10),
    compressedSize: new Uint32Array(rows.length).fill(10),
    sha256: Uint8Array.from(rows.flatMap((_, row) => new Array(32).fill(100 * blob + row + 1))),
  };
}

/** Six chunks of 4 blocks; startup chunks over blocks 2 to 9 and 20 to 21. */
const toc: Toc = {
  diskBlocks: 24,
  source: sha256Of("source"),
  blobs: [blobKind.metadata, blobKind.startup].map((kind) => ({ kind, digest: sha256Of(`${kind}`), sizeBytes: 1e6 })),
  regions: [],
  chunks: table(
    Array.from({ length: 6 }, (_, row) => ({ start: 4 * row, blocks: 4 })),
    0,
  ),
  startup: startupTable([[{ startBlock: 2, blocks: 8 }], [{ startBlock: 20, blocks: 2 }]], { blob: 1, firstId: 101 }),
};
const slots = Int32Array.from({ length: 8 }, (_, chunk) => chunk);
const mapWith = (stored: Set<number>) => new DiskMap(toc, { slots }, { isStored: (slot) => stored.has(slot) });

/** Chunk and block in it, for each block from `from` on. */
function sources(map: DiskMap, from: number, blocks: number): string[] {
  const found: string[] = [];
  for (const part of map.parts(from * blockSizeBytes, blocks * blockSizeBytes)) {
    for (let at = 0; at < part.length; at += blockSizeBytes) {
      found[(part.diskOffset + at) / blockSizeBytes] = `${part.chunk}+${(part.offsetInChunk + at) / blockSizeBytes}`;
    }
  }
  return found.slice(from);
}

describe("the map of a disk", () => {
  it("reads blocks of startup chunks from these, the others from the chunks of their region", () => {
    const map = mapWith(new Set());
    expect(sources(map, 0, 12)).toEqual([
      "0+0",
      "0+1",
      "6+0",
      "6+1",
      "6+2",
      "6+3",
      "6+4",
      "6+5",
      "6+6",
      "6+7",
      "2+2",
      "2+3",
    ]);
    expect(sources(map, 20, 4)).toEqual(["7+0", "7+1", "5+2", "5+3"]);
  });

  it("gives parts that cover any range once, in order", () => {
    const map = mapWith(new Set());
    fc.assert(
      fc.property(fc.nat(24 * 4096), fc.nat(24 * 4096), (a, b) => {
        let at = Math.min(a, b);
        for (const part of map.parts(at, Math.max(a, b) - at)) {
          expect(part.diskOffset).toBe(at);
          at += part.length;
        }
        expect(at).toBe(Math.max(a, b));
      }),
    );
  });

  it("reads what a startup chunk that is not here would bring from stored chunks", () => {
    const stored = new Set<number>();
    const map = mapWith(stored);
    stored.add(0).add(1);
    expect(sources(map, 2, 6)).toEqual(["0+2", "0+3", "1+0", "1+1", "1+2", "1+3"]);
    expect(sources(map, 8, 2)).toEqual(["6+6", "6+7"]);
    stored.add(6);
    expect(sources(map, 2, 1)).toEqual(["6+0"]);
  });

  it("does without a lost startup blob, but for what is stored of it", () => {
    const map = mapWith(new Set([7]));
    map.loseStartup();
    expect(sources(map, 2, 3)).toEqual(["0+2", "0+3", "1+0"]);
    expect(sources(map, 20, 3)).toEqual(["7+0", "7+1", "5+2"]);
  });

  it("wants the owners of its blocks, and what replaces those that are lost", () => {
    const map = mapWith(new Set([7]));
    expect(map.wantedChunks()).toEqual([0, 2, 3, 4, 5, 6, 7]);
    map.loseStartup();
    expect(map.wantedChunks()).toEqual([0, 1, 2, 3, 4, 5, 7]);
  });

  it("knows what of the disk belongs to a chunk", () => {
    const map = mapWith(new Set());
    expect(map.runsOf(6)).toEqual([{ startBlock: 2, blocks: 8 }]);
    expect(map.runsOf(2)).toEqual([{ startBlock: 10, blocks: 2 }]);
    expect(map.runsOf(1)).toEqual([]);
  });

  it("leaves out startup chunks whose blocks were all here already when it was opened, and keeps stored ones", () => {
    expect(sources(mapWith(new Set([0, 1, 2, 5])), 2, 2)).toEqual(["0+2", "0+3"]);
    expect([...mapWith(new Set([0, 1, 2, 5])).pieces.chunk]).toEqual([0, 1, 2, 3, 4, 5]);
    expect([...mapWith(new Set([0, 1, 2, 6])).pieces.chunk]).toEqual([0, 6, 2, 3, 4, 7, 5]);
  });

  it("knows every chunk by the number that its slot was bound with", () => {
    const { ids, lengths } = chunkClaims(toc);
    for (let chunk = 0; chunk < 8; chunk++) {
      const place = chunkPlace(toc, chunk);
      expect(place.id).toBe(`sha256:${Buffer.from(ids.subarray(chunk * 32, chunk * 32 + 32)).toString("hex")}`);
      expect(place.sizeBytes).toBe(lengths[chunk]);
      expect(place.blob).toBe(toc.blobs[chunk < 6 ? 0 : 1]?.digest);
    }
  });
});
