import { describe, expect, it } from "vitest";
import { DiskDirectory, type NewDisk } from "./disk-directory.js";
import { OpenCounts } from "./open-counts.js";

const disk = (name: string, more: Partial<NewDisk> = {}): NewDisk => ({
  name,
  sizeBytes: 8 * 4096,
  startBlock: Uint32Array.of(0, 4),
  blocks: Uint32Array.of(2, 4),
  slots: Int32Array.of(3, -1),
  offsetInChunk: Uint32Array.of(0, 0),
  ...more,
});

describe("the directory of disks", () => {
  it("never gives an inode twice, not even a removed one's, nor one that an earlier process gave", () => {
    const disks = new DiskDirectory(40);
    const first = disks.add(disk("a"));
    disks.remove(first.inode);
    expect([first.inode, disks.add(disk("a")).inode]).toEqual([40, 41]);
    expect(disks.add(disk("b", { inode: 77 })).inode).toBe(77);
    expect([disks.add(disk("c")).inode, disks.nextInode]).toEqual([78, 79]);
  });

  it("copies columns into memory that workers share, and takes shared ones as they are", () => {
    const slots = new Int32Array(new SharedArrayBuffer(8));
    const file = new DiskDirectory(0).add(disk("a", { slots }));
    expect(file.slots).toBe(slots);
    expect(file.startBlock.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect([...file.startBlock]).toEqual([0, 4]);
  });

  it.each([
    ["a path for a name", disk("a/b"), /not a name/],
    ["a name that is a directory", disk(".."), /not a name/],
    ["half a block", disk("a", { sizeBytes: 4097 }), /whole blocks/],
    ["columns that differ", disk("a", { slots: Int32Array.of(1) }), /differ in length/],
    ["chunks that overlap", disk("a", { startBlock: Uint32Array.of(0, 1) }), /inside the one before/],
    ["chunks behind the end", disk("a", { sizeBytes: 4096 * 7 }), /behind its end/],
    ["a reserved inode", disk("a", { inode: 1 }), /is taken/],
  ])("refuses %s", (_, given, why) => {
    expect(() => new DiskDirectory(0).add(given)).toThrow(why);
  });

  it("refuses a second disk of a name", () => {
    const disks = new DiskDirectory(0);
    disks.add(disk("a"));
    expect(() => disks.add(disk("a"))).toThrow(/one of this name/);
  });
});

describe("open counts", () => {
  it("tell when the last one closes, also when openings are heard of late", async () => {
    const opens = new OpenCounts();
    await opens.closed(16);
    opens.change(16, 1);
    opens.change(16, 1);
    let isClosed = false;
    const closed = opens.closed(16).then(() => {
      isClosed = true;
    });
    opens.change(16, -1);
    await Promise.resolve();
    expect(isClosed).toBe(false);
    opens.change(16, -1);
    await closed;
    opens.change(17, -1);
    opens.change(17, 1);
    await opens.closed(17);
  });
});
