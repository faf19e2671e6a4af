import type { ChunkTable } from "@sluice/disk";
import { expect, it } from "vitest";
import { prefetchRows } from "./prefetch-rows.js";

/** Chunks of 10 blocks at 0, 10 and 20, the one at 10 of zeros, and another at 40. */
const chunks: ChunkTable = {
  count: 4,
  startBlock: Uint32Array.of(0, 10, 20, 40),
  blocks: Uint32Array.of(10, 10, 10, 10),
  blob: new Uint16Array(4),
  offset: Float64Array.of(0, 0, 100, 200),
  compressedSize: Uint32Array.of(100, 0, 100, 100),
  sha256: new Uint8Array(128),
};
const rowsOf = (...runs: readonly (readonly [number, number])[]): number[] => [
  ...prefetchRows(
    runs.map(([startBlock, blocks]) => ({ startBlock, blocks })),
    { chunks },
  ),
];

it("names each chunk that holds one of the runs once, by its first use", () => {
  expect(rowsOf([45, 1], [9, 1], [40, 2], [29, 1])).toEqual([3, 0, 2]);
});

it("names none for zeros, for blocks in no chunk, or for nothing", () => {
  expect(rowsOf([10, 10], [30, 10], [99, 5])).toEqual([]);
  expect(rowsOf([5, 40])).toEqual([0, 2, 3]);
  expect(rowsOf()).toEqual([]);
});
