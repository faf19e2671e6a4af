import { sha256Of } from "@sluice/oci/content";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DiskRun } from "./disk-run.js";
import { isSameDisk, mergeRecordings } from "./merge-recordings.js";
import { maxRecordedRuns, type Recording } from "./recording.js";

const disk = { metadata: sha256Of("metadata"), layers: [sha256Of("a"), sha256Of("b")] };
/** A start that touched these blocks, one after the other. */
const start = (...blocks: readonly number[]): Recording => ({
  disk,
  seconds: 1,
  runs: blocks.map((startBlock, milliseconds) => ({ startBlock, blocks: 1, milliseconds })),
});
const blocksOf = (runs: readonly DiskRun[]): number[] =>
  runs.flatMap(({ startBlock, blocks }) => Array.from({ length: blocks }, (_, i) => startBlock + i));

describe("one set of many starts", () => {
  it("is what the start touched, in its order, when there is but one", () => {
    const touched = fc.array(fc.nat(50), { maxLength: 40 });
    fc.assert(
      fc.property(touched, (blocks) => {
        expect(blocksOf(mergeRecordings([start(...blocks)]))).toEqual([...new Set(blocks)]);
      }),
    );
    expect(mergeRecordings([])).toEqual([]);
  });

  it("has each block once, and does not depend on the order of the recordings", () => {
    const recordings = fc.array(fc.array(fc.nat(60), { maxLength: 30 }), { maxLength: 6 });
    fc.assert(
      fc.property(recordings, (all) => {
        const merged = mergeRecordings(all.map((blocks) => start(...blocks)));
        const blocks = blocksOf(merged);
        expect(new Set(blocks).size).toBe(blocks.length);
        expect(mergeRecordings(all.toReversed().map((one) => start(...one)))).toEqual(merged);
        const touched = [...new Set(all.flat())];
        const often = touched.filter((block) => 4 * all.filter((one) => one.includes(block)).length >= all.length);
        const kept = (touched.length - often.length) * 16 > often.length ? often : touched;
        expect([...blocks].sort((a, b) => a - b)).toEqual(kept.sort((a, b) => a - b));
      }),
    );
  });

  it("is in the order of the median place", () => {
    const merged = mergeRecordings([start(1, 20, 30), start(20, 1, 30), start(1, 20, 30)]);
    expect(blocksOf(merged)).toEqual([1, 20, 30]);
  });

  it("keeps the few blocks that less than a quarter of the starts touched, in their place", () => {
    const common = Array.from({ length: 16 }, (_, i) => 10 * i);
    const often = Array.from({ length: 7 }, () => start(...common));
    expect(blocksOf(mergeRecordings([...often, start(...common, 999)]))).toEqual([...common, 999]);
  });

  it("leaves out what less than a quarter of the starts touched where it is much", () => {
    const often = Array.from({ length: 7 }, () => start(1, 3));
    expect(blocksOf(mergeRecordings([...often, start(1, 3, 99)]))).toEqual([1, 3]);
    expect(blocksOf(mergeRecordings([...often.slice(0, 3), start(1, 3, 99)]))).toEqual([1, 3, 99]);
  });

  it("joins runs that starts cut differently", () => {
    const runs = (...given: readonly (readonly [number, number])[]): Recording => ({
      ...start(),
      runs: given.map(([startBlock, blocks]) => ({ startBlock, blocks, milliseconds: 0 })),
    });
    expect(mergeRecordings([runs([10, 8]), runs([10, 3], [13, 5])])).toEqual([{ startBlock: 10, blocks: 8 }]);
  });

  it("takes the last starts alone when they touched more runs than any start does", () => {
    const runs = Array.from({ length: maxRecordedRuns }, (_, i) => ({ startBlock: 2 * i, blocks: 1, milliseconds: 0 }));
    const large = { ...start(), runs };
    const merged = mergeRecordings([start(1), large, { ...large, runs: runs.slice(0, 100_000) }]);
    expect(merged.length).toBe(100_000);
  });
});

describe("the disk of a recording", () => {
  it("is another when any blob or their order is", () => {
    expect(isSameDisk(disk, { ...disk, layers: [...disk.layers] })).toBe(true);
    expect(isSameDisk(disk, { ...disk, metadata: sha256Of("other") })).toBe(false);
    expect(isSameDisk(disk, { ...disk, layers: disk.layers.toReversed() })).toBe(false);
    expect(isSameDisk(disk, { ...disk, layers: disk.layers.slice(1) })).toBe(false);
  });
});
