import { blockSizeBytes } from "@sluice/disk";
import { DigestMismatchError } from "@sluice/oci";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sampleDisk } from "../testing/sample-disk.js";
import { DiskBlocks } from "./disk-blocks.js";

const gibibyte = 262_144;
const open = () => sampleDisk([[1, 2], [3]], [[4, 5, 6], 4, [7], [8, 9]]);

describe("the blocks of a disk", () => {
  it("are what its chunks hold, and zeros elsewhere, wherever a read starts and ends", async () => {
    const { toc, blobs, expected } = open();
    const disk = new DiskBlocks(toc, blobs);
    const near = fc.oneof(
      fc.nat(6 * blockSizeBytes),
      fc.nat(12 * blockSizeBytes).map((at) => at + gibibyte * blockSizeBytes),
    );
    await fc.assert(
      fc.asyncProperty(near, fc.nat(5 * blockSizeBytes), async (offset, length) => {
        const block = Math.floor(offset / blockSizeBytes);
        const skip = offset % blockSizeBytes;
        const blocks = expected(block, 7).subarray(skip, skip + length);
        expect(Buffer.compare(await disk.read(offset, length), blocks)).toBe(0);
      }),
    );
  });

  it("are read once while they are kept, and what was used last is kept", async () => {
    const { toc, blobs, reads } = open();
    const disk = new DiskBlocks(toc, blobs, undefined, 3 * blockSizeBytes);
    const read = (block: number) => disk.read(block * blockSizeBytes, 10);
    for (const block of [0, 2, 1, gibibyte + 7, 0]) await read(block); // the single block 2 is the one to go
    expect(reads.length).toBe(3);
    await read(2);
    expect(reads.length).toBe(4);
  });

  it("are refused when a chunk is another than the TOC says, or in no blob that is there", async () => {
    const { toc, blobs } = open();
    toc.chunks.sha256.fill(1, 0, 32);
    await expect(new DiskBlocks(toc, blobs).read(0, 1)).rejects.toThrow(DigestMismatchError);
    await expect(new DiskBlocks(toc, new Map()).read(0, 1)).rejects.toThrow(/TOC, chunk 0: expected a blob/);
  });
});
