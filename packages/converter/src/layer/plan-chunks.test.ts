import { crc32 } from "node:zlib";
import { blockSizeBytes, ChunkCutter } from "@sluice/disk";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hole, type PlannedChunk, type PlannedFile, planChunks } from "./plan-chunks.js";

/** Blocks told apart by their first bytes; every 5th of them zero. */
const blockOf = (spoolBlock: number): Buffer => {
  const block = Buffer.alloc(blockSizeBytes);
  if (spoolBlock % 5 !== 0) block.writeUInt32LE(spoolBlock + 1);
  return block;
};
const hashes = { crc: (block: number) => crc32(blockOf(block)), isZero: (block: number) => block % 5 === 0 };

/** The chunks that the cutter makes of the bytes themselves. */
function chunksOfBytes(files: readonly PlannedFile[]): [number, boolean][] {
  const chunks: [number, boolean][] = [];
  const cutter = new ChunkCutter((blocks, zero) => void chunks.push([blocks, zero]));
  for (const { blocks, runs } of files) {
    cutter.startFile(blocks);
    const bytes = Buffer.alloc(blocks * blockSizeBytes);
    for (const run of runs) {
      for (let i = 0; i < run.blocks; i++)
        blockOf(run.spoolBlock + i).copy(bytes, (run.fileBlock + i) * blockSizeBytes);
    }
    cutter.push(bytes);
  }
  cutter.finish();
  return chunks;
}

const placesOf = (chunks: readonly PlannedChunk[]): number[] =>
  chunks.flatMap(({ blocks, runs }) => {
    if (runs === undefined) return Array.from({ length: blocks }, () => hole);
    const places: number[] = [];
    for (let i = 0; i < runs.length; i += 2) {
      for (let k = 0; k < (runs[i + 1] ?? 0); k++) places.push(runs[i] === hole ? hole : (runs[i] ?? 0) + k);
    }
    return places;
  });

const file = fc
  .array(fc.record({ gap: fc.integer({ min: 0, max: 40 }), length: fc.integer({ min: 1, max: 300 }) }), {
    minLength: 1,
    maxLength: 4,
  })
  .chain((parts) => fc.record({ parts: fc.constant(parts), tail: fc.integer({ min: 0, max: 40 }) }));

describe("planChunks", () => {
  it("cuts where the cutter cuts the bytes, and knows where each block lies", () => {
    fc.assert(
      fc.property(fc.array(file, { maxLength: 5 }), (wanted) => {
        let spool = 0;
        const files = wanted.map(({ parts, tail }): PlannedFile => {
          let next = 0;
          const runs = parts.map(({ gap, length }) => {
            const run = { fileBlock: next + gap, spoolBlock: spool, blocks: length };
            next += gap + length;
            spool += length;
            return run;
          });
          return { blocks: next + tail, runs };
        });
        const chunks = [...planChunks(files, hashes)];
        expect(chunks.map(({ blocks, runs }) => [blocks, runs === undefined])).toEqual(chunksOfBytes(files));
        const places = placesOf(chunks);
        const expected = files.flatMap(({ blocks, runs }) => {
          const of = Array.from({ length: blocks }, () => hole);
          for (const run of runs) for (let i = 0; i < run.blocks; i++) of[run.fileBlock + i] = run.spoolBlock + i;
          return of;
        });
        expect(places.length).toBe(expected.length);
        for (const [i, place] of places.entries()) {
          const wantedPlace = expected[i] ?? hole;
          if (place !== hole || !(wantedPlace !== hole && hashes.isZero(wantedPlace))) expect(place).toBe(wantedPlace);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("plans a hole of 15 TiB at once", () => {
    const blocks = 15 * 2 ** 28;
    const chunks = [...planChunks([{ blocks, runs: [{ fileBlock: blocks - 1, spoolBlock: 1, blocks: 1 }] }], hashes)];
    expect(chunks.map((chunk) => chunk.blocks)).toEqual([blocks - 1, 1]);
  });
});
