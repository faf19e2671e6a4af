import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blockSizeBytes, maxChunkBlocks } from "../blocks.js";
import { sampleBytes } from "../testing/samples.js";
import { ChunkCutter } from "./chunk-cutter.js";
import { largeFileBlocks, minCutBlocks, minZeroRunBlocks } from "./cut-rule.js";

interface Cut {
  readonly blocks: number;
  readonly zero: boolean;
}

/** Each number is a block: its seed, or zero. */
type File = readonly number[];

const block = (seed: number): Uint8Array =>
  seed === 0 ? new Uint8Array(blockSizeBytes) : sampleBytes(blockSizeBytes, seed);
const bytesOf = (file: File): Uint8Array => new Uint8Array(Buffer.concat(file.map(block)));
const blocks = (count: number, firstSeed: number): File => Array.from({ length: count }, (_, i) => firstSeed + i);
const zeros = (count: number): File => new Array<number>(count).fill(0);

function runningSums(numbers: readonly number[]): number[] {
  let sum = 0;
  return numbers.map((number) => {
    sum += number;
    return sum;
  });
}

function cuts(files: readonly File[], blocksAtOnce = Number.POSITIVE_INFINITY): Cut[] {
  const found: Cut[] = [];
  const cutter = new ChunkCutter((count, zero) => found.push({ blocks: count, zero }));
  for (const file of files) {
    cutter.startFile(file.length);
    for (let at = 0; at < file.length; at += blocksAtOnce) cutter.push(bytesOf(file.slice(at, at + blocksAtOnce)));
  }
  cutter.finish();
  return found;
}

/** Files of up to 90 blocks with zero runs and repeated blocks in them. */
const fileArbitrary: fc.Arbitrary<File> = fc
  .array(
    fc.oneof(
      fc
        .record({ count: fc.integer({ min: 1, max: 40 }), seed: fc.integer({ min: 1, max: 5000 }) })
        .map(({ count, seed }) => blocks(count, seed)),
      fc.integer({ min: 1, max: 30 }).map(zeros),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((runs) => runs.flat());
const filesArbitrary = fc.array(fileArbitrary, { maxLength: 12 });

describe("cut points", () => {
  it("are the same however the blocks are fed", () => {
    fc.assert(
      fc.property(filesArbitrary, fc.integer({ min: 1, max: 20 }), (files, blocksAtOnce) => {
        expect(cuts(files, blocksAtOnce)).toEqual(cuts(files));
      }),
      { numRuns: 40 },
    );
  });

  it("are the same from hashes and holes as from the blocks", () => {
    fc.assert(
      fc.property(filesArbitrary, (files) => {
        const found: Cut[] = [];
        const cutter = new ChunkCutter((count, zero) => found.push({ blocks: count, zero }));
        for (const file of files) {
          cutter.startFile(file.length);
          for (const [i, seed] of file.entries()) {
            if (seed === 0 && i % 2 === 0) cutter.pushHole(1);
            else cutter.pushHashed(crc32(block(seed)), seed === 0);
          }
        }
        cutter.finish();
        expect(found).toEqual(cuts(files));
      }),
      { numRuns: 30 },
    );
  });

  it("fill the data space, within the bounds of a chunk", () => {
    fc.assert(
      fc.property(filesArbitrary, (files) => {
        const found = cuts(files);
        expect(found.reduce((sum, cut) => sum + cut.blocks, 0)).toBe(files.flat().length);
        for (const cut of found) {
          if (cut.zero) expect(cut.blocks).toBeGreaterThanOrEqual(minZeroRunBlocks);
          else expect(cut.blocks).toBeLessThanOrEqual(maxChunkBlocks);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("say zero exactly of long runs of zero blocks inside one file", () => {
    const run = zeros(minZeroRunBlocks);
    expect(cuts([[...run.slice(1)]])).toEqual([{ blocks: minZeroRunBlocks - 1, zero: false }]);
    expect(cuts([[7, ...run, 8]])).toEqual([
      { blocks: 1, zero: false },
      { blocks: minZeroRunBlocks, zero: true },
      { blocks: 1, zero: false },
    ]);
    expect(cuts([zeros(9), zeros(9)])).toEqual([{ blocks: 18, zero: false }]);
    expect(cuts([zeros(100_000)], 1000)).toEqual([{ blocks: 100_000, zero: true }]);
  });

  it("give a large file chunks of its own", () => {
    const large = blocks(largeFileBlocks, 900);
    const found = cuts([blocks(3, 1), large, blocks(2, 5)]);
    expect(found[0]).toEqual({ blocks: 3, zero: false });
    expect(found.at(-1)).toEqual({ blocks: 2, zero: false });
  });

  it("keep small files whole unless the chunk would be too long", () => {
    const files = Array.from({ length: 80 }, (_, i) => blocks(1 + (i % 50), 1 + i * 60));
    const fileEnds = new Set(runningSums(files.map(({ length }) => length)));
    let at = 0;
    for (const cut of cuts(files)) {
      at += cut.blocks;
      expect(fileEnds).toContain(at);
    }
  });

  it("come about every 256 KiB in data without structure", () => {
    const found = cuts([blocks(6000, 1)]);
    const mean = 6000 / found.length;
    expect(mean).toBeGreaterThan(52);
    expect(mean).toBeLessThan(76);
    for (const cut of found.slice(0, -1)) expect(cut.blocks).toBeGreaterThanOrEqual(minCutBlocks);
  });

  it("meet the old ones again after blocks are inserted", () => {
    const file = blocks(3000, 1);
    const ends = (cut: readonly Cut[], shift: number): number[] =>
      runningSums(cut.map(({ blocks: count }) => count)).map((end) => end - shift);
    const old = new Set(ends(cuts([file]), 0));
    const changed = ends(cuts([[...file.slice(0, 100), ...blocks(5, 20_000), ...file.slice(100)]]), 5);
    const unknown = changed.filter((end) => end > 100 && !old.has(end));
    expect(unknown.length).toBeLessThanOrEqual(4);
  });
});

describe("a cutter", () => {
  const cutter = (): ChunkCutter => new ChunkCutter(() => undefined);

  it("refuses parts of a block and blocks that belong to no file", () => {
    const one = cutter();
    one.startFile(1);
    expect(() => one.push(new Uint8Array(100))).toThrow(RangeError);
    expect(() => one.push(new Uint8Array(2 * blockSizeBytes))).toThrow(RangeError);
    expect(() => one.pushHole(2)).toThrow(RangeError);
    expect(() => cutter().pushHashed(1, false)).toThrow(RangeError);
  });

  it("refuses to go on or finish inside a file", () => {
    const one = cutter();
    one.startFile(2);
    one.push(block(1));
    expect(() => one.startFile(1)).toThrow(/1 blocks of the last file are missing/);
    expect(() => one.finish()).toThrow(RangeError);
  });

  it("has nothing to report for an empty data space", () => {
    expect(cuts([])).toEqual([]);
    expect(cuts([[]])).toEqual([]);
  });
});
