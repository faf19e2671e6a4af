import { describe, expect, it } from "vitest";
import type { DiskFile } from "../serve/disk-file.js";
import type { ChunkReader } from "../serve/read-disk.js";
import { PagePusher, type PagePusherParts } from "./page-pusher.js";
import { createReadsInFlight, ReadsInFlight } from "./reads-in-flight.js";

const chunkBlocks = 300;
/** Chunk 0, a gap of 100 blocks, chunk 1, chunk 2. */
const disk: DiskFile = {
  inode: 16,
  name: "disk",
  sizeBytes: 1000 * 4096,
  startBlock: Uint32Array.of(0, 400, 700),
  blocks: Uint32Array.of(chunkBlocks, chunkBlocks, chunkBlocks),
  slots: Int32Array.of(0, 1, 2),
  offsetInChunk: new Uint32Array(3),
  metadataBlocks: 0,
};
/** Every chunk holds its slot's number plus one; slot 1 is not there. */
const reader: ChunkReader = {
  read(slot, _offset, length, into, intoOffset) {
    if (slot === 1) return -1;
    into.fill(slot + 1, intoOffset, intoOffset + length);
    return length;
  },
};

interface Store {
  readonly inode: number;
  readonly startBlock: number;
  readonly blocks: number;
  readonly first: number | undefined;
}

function rig(parts: Partial<PagePusherParts> = {}) {
  const stores: Store[] = [];
  const failures: unknown[] = [];
  const readsInFlight = new ReadsInFlight(createReadsInFlight());
  const pusher = new PagePusher({
    fd: 99,
    reader,
    readsInFlight,
    isMemoryShort: () => false,
    onFailure: (error) => failures.push(error),
    write: (_fd, bytes, _at, length) => {
      const view = new DataView(bytes.buffer);
      expect([view.getUint32(0, true), view.getInt32(4, true)]).toEqual([length, 4]);
      const blocks = view.getUint32(32, true) / 4096;
      const startBlock = Number(view.getBigUint64(24, true)) / 4096;
      stores.push({ inode: Number(view.getBigUint64(16, true)), startBlock, blocks, first: bytes[40] });
      return length;
    },
    ...parts,
  });
  pusher.apply({ kind: "add", disk });
  return { pusher, stores, failures, readsInFlight };
}

const failing = (code: string) => () => {
  throw Object.assign(new Error(code), { code });
};

describe("pushing pages", () => {
  it("stores what is there in pieces of 1 MiB that end with their chunk, gaps as zeros", () => {
    const { pusher, stores } = rig();
    const counts = pusher.push(16, [{ startBlock: 0, blocks: 1000 }]);
    expect(stores).toEqual([
      { inode: 16, startBlock: 0, blocks: 256, first: 1 },
      { inode: 16, startBlock: 256, blocks: 44, first: 1 },
      { inode: 16, startBlock: 300, blocks: 100, first: 0 },
      { inode: 16, startBlock: 700, blocks: 256, first: 3 },
      { inode: 16, startBlock: 956, blocks: 44, first: 3 },
    ]);
    expect(counts).toMatchObject({ stores: 5, storedBytes: 700 * 4096, absentBytes: 300 * 4096, droppedBytes: 0 });
  });

  it("goes around blocks that a read waits for", () => {
    const { pusher, stores, readsInFlight } = rig();
    readsInFlight.enter(16, { startBlock: 10, blocks: 5 });
    readsInFlight.enter(16, { startBlock: 15, blocks: 5 });
    const counts = pusher.push(16, [{ startBlock: 8, blocks: 20 }]);
    expect(stores.map(({ startBlock, blocks }) => [startBlock, blocks])).toEqual([
      [8, 2],
      [20, 8],
    ]);
    expect(counts).toMatchObject({ storedBytes: 10 * 4096, busyBytes: 10 * 4096 });
  });

  it("stops at the first store that the kernel refuses, and says why unless that is expected", () => {
    for (const [code, told] of [
      ["ENOENT", 0],
      ["ENODEV", 0],
      ["ENOMEM", 0],
      ["EINVAL", 1],
    ] as const) {
      const { pusher, failures } = rig({ write: failing(code) });
      const { storedBytes, unknownBytes, droppedBytes } = pusher.push(16, [{ startBlock: 0, blocks: 300 }]);
      expect([storedBytes, unknownBytes + droppedBytes]).toEqual([0, 300 * 4096]);
      expect(unknownBytes > 0).toBe(code === "ENOENT");
      expect(failures).toHaveLength(told);
    }
  });

  it("tries again when a signal came between", () => {
    let calls = 0;
    const { pusher } = rig({ write: () => (++calls < 3 ? failing("EINTR")() : 1) });
    expect(pusher.push(16, [{ startBlock: 0, blocks: 1 }])).toMatchObject({ stores: 1, storedBytes: 4096 });
  });

  it("drops everything for a disk that is not there, and when memory is short", () => {
    const short = rig({ isMemoryShort: () => true });
    const { pusher, stores } = rig();
    pusher.apply({ kind: "remove", inode: 16 });
    for (const counts of [pusher, short.pusher].map((each) => each.push(16, [{ startBlock: 0, blocks: 3 }]))) {
      expect(counts).toMatchObject({ stores: 0, droppedBytes: 3 * 4096 });
    }
    expect([...stores, ...short.stores]).toEqual([]);
  });
});
