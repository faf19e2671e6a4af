import { mergeLayers, pathOf } from "@sluice/disk";
import { layerOf } from "@sluice/disk/testing";
import { describe, expect, it } from "vitest";
import { sampleDisk } from "../testing/sample-disk.js";
import { DiskBlocks } from "./disk-blocks.js";
import { fileReader } from "./file-reader.js";

const gibibyte = 262_144;

describe("the files of an image", () => {
  const tree = mergeLayers([
    layerOf([
      { path: "first", sizeBytes: 5000 },
      { path: "second", sizeBytes: 9000 },
    ]),
  ]);
  const { toc, blobs, expected } = sampleDisk(
    [[1]],
    [
      [10, 11],
      [12, 13, 14],
    ],
  );
  const read = fileReader(tree, [gibibyte], new DiskBlocks(toc, blobs));
  const inode = (path: string): number =>
    Array.from({ length: tree.inodeCount }, (_, i) => i).find((i) => pathOf(tree, i) === path) ?? -1;

  it("are read from the blocks of their layer, any part of them", async () => {
    const content = expected(gibibyte + 2, 3);
    expect(Buffer.compare(await read(inode("/second"), 0, 9000), content.subarray(0, 9000))).toBe(0);
    expect(Buffer.compare(await read(inode("/second"), 4090, 20), content.subarray(4090, 4110))).toBe(0);
    expect((await read(inode("/first"), 5000, 0)).length).toBe(0);
  });

  it.each([
    ["behind their end", "/first", 4999, 2],
    ["before their start", "/first", -1, 1],
    ["in a directory", "/", 0, 1],
    ["in nothing", "/absent", 0, 1],
    ["of no length", "/first", 0, Number.NaN],
  ])("hold nothing %s", async (_, path, offset, length) => {
    await expect(read(inode(path), offset, length)).rejects.toThrow(RangeError);
  });
});
