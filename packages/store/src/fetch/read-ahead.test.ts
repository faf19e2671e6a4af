import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ChunkRows, ReadAhead, type ReadAheadConfig } from "./read-ahead.js";

const config: ReadAheadConfig = {
  minRun: 2,
  firstWindowBytes: 300,
  maxWindowBytes: 1200,
  maxWastedShare: 0.2,
  freeBytes: 400,
  nearbyBytes: 0,
};

/** A disk of chunks of 100 compressed bytes; what is fetched is stored at once. */
class Disk implements ChunkRows {
  readonly compressedSize: Uint32Array;
  readonly stored = new Set<number>();
  readonly readAhead: ReadAhead;
  readonly read = new Set<number>();
  readonly fetched = new Set<number>();

  constructor(count: number, given: ReadAheadConfig = config) {
    this.compressedSize = new Uint32Array(count).fill(100);
    this.readAhead = new ReadAhead(this, given);
  }
  endOfRegion(): number {
    return this.compressedSize.length;
  }
  isStored(row: number): boolean {
    return this.stored.has(row);
  }
  /** A reader reads: a miss, or the first hit of a guess. @returns what was fetched ahead */
  want(row: number): readonly number[] {
    if (this.stored.has(row) && this.read.has(row)) return [];
    const ahead = this.readAhead.onRead(row);
    this.read.add(row);
    for (const one of [row, ...ahead]) {
      if ((this.compressedSize[one] ?? 0) > 0) this.fetched.add(one);
      this.stored.add(one);
    }
    return ahead;
  }
  bytesOf(rows: Iterable<number>): number {
    return [...rows].reduce((sum, row) => sum + (this.compressedSize[row] ?? 0), 0);
  }
}

it("fetches the neighbour of a chunk that missed", () => {
  expect(new Disk(100).want(10)).toEqual([11]);
});

it("gets further ahead of a reader who goes on, in ever larger pieces", () => {
  const disk = new Disk(1000, { ...config, freeBytes: 10_000 });
  const pieces = Array.from({ length: 60 }, (_, row) => disk.want(row).length).filter((length) => length > 0);
  expect(pieces.length).toBeLessThan(20);
  expect(Math.max(...pieces)).toBeGreaterThanOrEqual(6);
  expect(disk.bytesOf(disk.fetched)).toBeLessThan(6000 + 2 * config.maxWindowBytes);
});

it("stops guessing when its guesses are wrong", () => {
  const disk = new Disk(100_000);
  for (let row = 0; row < 100_000; row += 100) disk.want(row);
  const wasted = disk.bytesOf(disk.fetched) - disk.bytesOf(disk.read);
  expect(wasted).toBeLessThanOrEqual(config.freeBytes + config.maxWastedShare * disk.bytesOf(disk.read));
});

it("guesses again once reads have earned it", () => {
  const disk = new Disk(100_000);
  for (let row = 0; row < 5000; row += 100) disk.want(row);
  const before = disk.fetched.size - disk.read.size;
  for (let row = 50_000; row < 50_200; row++) disk.want(row);
  expect(disk.want(60_000).length).toBeGreaterThan(0);
  expect(before).toBeGreaterThan(0);
});

it("neither fetches zero chunks nor counts them", () => {
  const disk = new Disk(100);
  disk.compressedSize.fill(0, 11, 50);
  expect(disk.want(10)).toEqual([50]);
});

it("does not leave the region, whose end is another blob", () => {
  const disk = new Disk(12);
  expect(disk.want(10)).toEqual([11]);
  expect(disk.want(11)).toEqual([]);
});

it("asks for nothing that is stored or on its way", () => {
  const disk = new Disk(100);
  disk.stored.add(11);
  expect(disk.readAhead.onRead(10)).toEqual([]);
  disk.readAhead.fetching(21);
  expect(disk.readAhead.onRead(20)).toEqual([]);
  disk.readAhead.landed(21);
  expect(disk.readAhead.onRead(20)).toEqual([21]);
});

it("pays for guesses that were evicted before anybody read them", () => {
  const disk = new Disk(1000);
  for (const row of disk.want(10)) disk.stored.delete(row);
  disk.want(500);
  expect(disk.readAhead.allowanceBytes).toBeLessThan(config.freeBytes);
  for (let row = 0; row < 1000; row += 50) disk.want(row);
  expect(disk.readAhead.allowanceBytes).toBeGreaterThanOrEqual(0);
});

it("never wastes more than its budget, whatever is read", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2000), { maxLength: 300 }), (rows) => {
      const disk = new Disk(2001);
      for (const row of rows) disk.want(row);
      const wasted = disk.bytesOf(disk.fetched) - disk.bytesOf(disk.read);
      expect(wasted).toBeLessThanOrEqual(config.freeBytes + config.maxWastedShare * disk.bytesOf(disk.read));
    }),
  );
});

describe("where misses lie close together", () => {
  const nearby = { ...config, freeBytes: 0, maxWastedShare: 0, nearbyBytes: 10_000 };

  it("fetches ever more of what is around them, on both sides", () => {
    const disk = new Disk(1000, nearby);
    expect(disk.want(133)).toEqual([]);
    expect(disk.want(135)).toEqual([132, 134]);
    expect(disk.want(141)).toEqual([...rows(128, 132), ...rows(136, 141), 142, 143]);
    expect(disk.want(150)).toEqual([]);
    expect(disk.want(170)).toHaveLength(64 - 18);
  });

  it("fetches nothing around misses that lie apart", () => {
    const disk = new Disk(10_000, nearby);
    for (let row = 0; row < 10_000; row += 64) expect(disk.want(row)).toEqual([]);
  });

  it("leaves out other regions, zero chunks, and what is here or on its way", () => {
    const disk = new Disk(135, nearby);
    disk.compressedSize.fill(0, 133, 134);
    disk.stored.add(131);
    disk.readAhead.fetching(128);
    disk.want(134);
    disk.want(132);
    expect(disk.want(129)).toEqual([130]);
  });

  it("never wastes more than its own budget, and gets back what is read", () => {
    const disk = new Disk(100_000, nearby);
    for (let row = 0; row < 50_000; row += 13) disk.want(row);
    const wasted = disk.bytesOf(disk.fetched) - disk.bytesOf(disk.read);
    expect(wasted).toBeGreaterThan(nearby.nearbyBytes - 100 * 64);
    expect(wasted).toBeLessThanOrEqual(nearby.nearbyBytes);
    for (const row of disk.fetched) disk.want(row);
    disk.want(60_001);
    expect(disk.want(60_002)).toEqual([60_000, 60_003]);
  });
});

const rows = (start: number, end: number): number[] => Array.from({ length: end - start }, (_, i) => start + i);
