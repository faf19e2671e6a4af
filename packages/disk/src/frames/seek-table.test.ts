import { describe, expect, it } from "vitest";
import { sampleSeekTable } from "../testing/samples.js";
import { decodeSeekTable, encodeSeekTable, maxFrameBytes, type SeekTable, SeekTableBuilder } from "./seek-table.js";

const bounds = { dataBlocks: 13, framesEnd: 300 };

describe("a seek table", () => {
  it("comes back as it was written", () => {
    expect(decodeSeekTable(encodeSeekTable(sampleSeekTable()), bounds)).toEqual(sampleSeekTable());
  });

  it("can be empty", () => {
    expect(decodeSeekTable(new Uint8Array(0), { dataBlocks: 0, framesEnd: 0 }).count).toBe(0);
  });

  it("bounds a frame as zstd does", () => {
    expect(maxFrameBytes(256)).toBe(1_048_576 + 4096 + 64);
  });

  it("refuses to be built from a short id", () => {
    expect(() => new SeekTableBuilder().add(0, 1, 1, new Uint8Array(31))).toThrow(RangeError);
  });
});

describe("a seek table is refused", () => {
  const decoded = (change: (table: SeekTable) => void, within = bounds): (() => SeekTable) => {
    const table = sampleSeekTable();
    change(table);
    return () => decodeSeekTable(encodeSeekTable(table), within);
  };

  it.each<[string, (table: SeekTable) => void, RegExp]>([
    ["a chunk without blocks", (table) => table.blocks.fill(0, 0, 1), /row 0: expected at least 1 block/],
    ["a chunk of more than 1 MiB", (table) => table.blocks.fill(257, 1, 2), /row 1: expected at most 256 blocks/],
    [
      "a frame larger than zstd makes",
      (table) => table.compressedSize.fill(9000, 0, 1),
      /a frame of at most 8288 bytes/,
    ],
    ["a frame behind the end", (table) => table.compressedSize.fill(201, 1, 2), /ends by 300/],
    ["a gap between frames", (table) => table.offset.fill(99, 1, 2), /row 1: expected an offset of 100/],
    ["a zero chunk with an id", (table) => table.sha256.fill(1, 64, 65), /zero chunk/],
    ["a zero chunk with an offset", (table) => table.offset.fill(1, 2, 3), /zero chunk/],
    ["another chunk in the frame of an earlier one", (table) => table.sha256.fill(0, 96, 97), /the chunk of row 0/],
    ["another length in the frame of an earlier one", (table) => table.blocks.fill(1, 3, 4), /the chunk of row 0/],
    ["too many blocks", (table) => table.blocks.fill(9, 2, 3), /blocks in all: expected 13, found 14/],
  ])("for %s", (_, change, message) => expect(decoded(change)).toThrow(message));

  it("when frames are missing at the end", () => {
    expect(decoded(() => undefined, { ...bounds, framesEnd: 301 })).toThrow(/end of the frames/);
  });

  it("when a row is cut", () => {
    expect(() => decodeSeekTable(encodeSeekTable(sampleSeekTable()).subarray(1), bounds)).toThrow(/a multiple of 48/);
  });
});
