import { mergeLayers } from "@sluice/disk";
import { layerOf } from "@sluice/disk/testing";
import { describe, expect, it } from "vitest";
import { LimitReached, limits, maxStartupBytes } from "./limits.js";
import { StartupSet } from "./startup-set.js";

const mib = 1024 * 1024;
const page = 4096;
const setOf = (sizes: readonly number[]): StartupSet => {
  const entries = sizes.map((sizeBytes, i) => ({ path: `f${i}`, mode: 0o644, sizeBytes }));
  return new StartupSet({ tree: mergeLayers([layerOf(entries)]), layerStartBlocks: [64] });
};

describe("a startup set", () => {
  it("holds the blocks that ranges touch, each once, in the order in which they were added", () => {
    const set = setOf([10 * page]);
    set.addRange(1, 5 * page + 1, 6 * page + 1);
    set.addRange(1, 4 * page, 8 * page);
    const start = set.runs[0]?.startBlock ?? 0;
    expect(set.runs).toEqual([
      { startBlock: start, blocks: 2 },
      { startBlock: start - 1, blocks: 1 },
      { startBlock: start + 2, blocks: 1 },
    ]);
  });

  it("ends where it holds enough", () => {
    const set = setOf([maxStartupBytes + page]);
    expect(() => set.addFile(1)).toThrow(LimitReached);
    expect(set.runs.map(({ blocks }) => blocks)).toEqual([maxStartupBytes / page]);
  });

  it("ends where the same blocks were covered often enough, and where enough ranges were empty", () => {
    const set = setOf([100 * mib]);
    const most = Math.floor(limits.visitedBlocks / ((100 * mib) / page));
    for (let i = 1; i < most; i++) set.addRange(1, 0, 100 * mib);
    expect(() => {
      for (let i = 0; i < 4096; i++) set.addRange(1, 0, 100 * mib);
    }).toThrow(LimitReached);
    const empty = setOf([page]);
    expect(() => {
      for (let i = 0; i <= limits.visitedBlocks; i++) empty.addRange(1, 1, 1);
    }).toThrow(LimitReached);
  });

  it("takes no time for files that it holds as a whole", () => {
    const set = setOf([100 * mib]);
    for (let i = 0; i < 4096; i++) set.addFile(1);
    expect(set.runs.map(({ blocks }) => blocks)).toEqual([(100 * mib) / page]);
  });
});
