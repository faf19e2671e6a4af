import { blockSizeBytes, type RemoteBlob } from "@sluice/disk";
import { describe, expect, it } from "vitest";
import { sampleDisk } from "../testing/sample-disk.js";
import { readRows } from "./read-rows.js";

const open = () => sampleDisk([[1, 2], [3]], [[4, 5, 6], 4, [7], [8, 9]]);
const collect = async (rows: readonly number[], disk = open(), signal?: AbortSignal) => {
  const read: [number, string][] = [];
  for await (const { row, bytes } of readRows(disk.toc, rows, disk.blobs, { signal })) {
    read.push([row, Buffer.from(bytes).toString("latin1")]);
  }
  return read;
};

describe("rows of a disk", () => {
  it("come in their order, each with its content, neighbours in one request", async () => {
    const disk = open();
    const rows = [0, 1, 2, 4, 5];
    const { startBlock, blocks } = disk.toc.chunks;
    const expected = rows.map((row) => [row, disk.expected(startBlock[row] ?? 0, blocks[row] ?? 0).toString("latin1")]);
    expect(await collect(rows, disk)).toEqual(expected);
    expect(disk.reads.length).toBe(2);
  });

  it("may come in any order, and far ones are asked for alone", async () => {
    const disk = open();
    expect((await collect([5, 2, 0], disk)).map(([row]) => row)).toEqual([5, 2, 0]);
    expect(disk.reads.length).toBe(3);
  });

  it("are asked for a few requests ahead and no more", async () => {
    const disk = open();
    let underWay = 0;
    let most = 0;
    const slow = new Map(
      [...disk.blobs].map(([digest, blob]): [typeof digest, RemoteBlob] => [
        digest,
        {
          ...blob,
          read: async (range) => {
            most = Math.max(most, ++underWay);
            await new Promise((resolve) => setImmediate(resolve));
            underWay--;
            return blob.read(range);
          },
        },
      ]),
    );
    const rows = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 5 : 0));
    expect(await collect(rows, { ...disk, blobs: slow })).toHaveLength(40);
    expect(most).toBe(4);
  });

  it("end with the reason of the caller who left, or of the blob that failed", async () => {
    const disk = open();
    await expect(collect([0], disk, AbortSignal.abort(new Error("left")))).rejects.toThrow("left");
    const broken = new Map(
      [...disk.blobs].map(([digest, blob]) => [digest, { ...blob, read: () => Promise.reject(new Error("gone")) }]),
    );
    await expect(collect([0, 2, 5], { ...disk, blobs: broken })).rejects.toThrow("gone");
  });

  it("of none are none", async () => expect(await collect([])).toEqual([]));

  it("hold whole chunks", async () => {
    const [[, text = ""] = []] = await collect([2]);
    expect(text.length).toBe(3 * blockSizeBytes);
  });
});
