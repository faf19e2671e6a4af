import { blobKind, type ChunkTable, type Toc } from "@sluice/disk";
import { startupTable } from "@sluice/disk/testing";
import { sha256Of } from "@sluice/oci";
import type { ChunkPlace } from "@sluice/store";
import { describe, expect, it } from "vitest";
import { ChunksAhead } from "./chunks-ahead.js";
import { DiskMap } from "./disk-map.js";

/**
 * Two regions of `count` chunks each, of 100,000 compressed bytes; the first is the metadata. Startup chunks of a block each, over the blocks of `startup`; `prefetch` behind them.
 */
function testDisk(count: number, startup: readonly number[] = [], prefetch: readonly number[] = []) {
  const rows = Array.from({ length: 2 * count }, (_, row) => row);
  const all = [...rows, ...startup.map((_, row) => rows.length + row)];
  const idOf = (chunk: number): Uint8Array => Buffer.alloc(32, chunk + 1);
  const table = (chunks: readonly number[], blocks: readonly number[], blob: (row: number) => number): ChunkTable => ({
    count: chunks.length,
    startBlock: Uint32Array.from(blocks),
    blocks: new Uint32Array(chunks.length).fill(1),
    blob: Uint16Array.from(chunks, (_, row) => blob(row)),
    offset: Float64Array.from(chunks, (_, row) => (row % count) * 100_000),
    compressedSize: new Uint32Array(chunks.length).fill(100_000),
    sha256: Buffer.concat(chunks.map(idOf)),
  });
  const kinds = [blobKind.metadata, blobKind.layer, blobKind.startup];
  const toc: Toc = {
    diskBlocks: rows.length,
    source: sha256Of("source"),
    blobs: kinds.map((kind) => ({ kind, digest: sha256Of(`${kind}`), sizeBytes: 1e9 })),
    regions: [0, 1].map((blob) => ({
      startBlock: blob * count,
      blocks: count,
      blob,
      firstChunk: blob * count,
      chunkCount: count,
    })),
    chunks: table(rows, rows, (row) => (row < count ? 0 : 1)),
    startup: startupTable(
      startup.map((startBlock) => [{ startBlock, blocks: 1 }]),
      { blob: 2, firstId: rows.length + 1, prefetch },
    ),
  };
  const asked: string[] = [];
  const arrived: number[] = [];
  const stored = new Set<number>();
  const marked = new Set<number>();
  const slots = Int32Array.from(all, (chunk) => 1000 + chunk);
  const chunkOf = ({ id }: ChunkPlace): number =>
    all.find((chunk) => Buffer.from(idOf(chunk)).toString("hex") === id.slice(7)) ?? -1;
  /** What a stream does before it brings everything. */
  const stream = { before: async (): Promise<void> => undefined };
  /** What a fetch waits for. */
  const fetches: { before?: () => Promise<void> } = {};
  const open = (isRecorded = false): ChunksAhead => {
    const map = new DiskMap(toc, { slots }, { isStored: (slot) => stored.has(slot - 1000) });
    return new ChunksAhead(map, {
      isRecorded,
      store: { mark: (slot) => marked.add(slot) },
      chunks: {
        fetch: async (place, cause, use, options) => {
          asked.push(`${cause} ${chunkOf(place)}`);
          if (fetches.before) await fetches.before();
          stored.add(chunkOf(place));
          use(new Uint8Array(1));
          options?.onStored?.();
        },
        stream: async (places, options) => {
          asked.push(`stream ${places.map(chunkOf)}`);
          await stream.before();
          for (const place of places) {
            stored.add(chunkOf(place));
            options?.onStored?.(place);
          }
        },
      },
      onArrived: (chunk) => arrived.push(chunk) < 0,
      onStreamBroken: (error) => asked.push(`${error}`),
    });
  };
  return { toc, ahead: open(), open, asked, arrived, stored, marked, stream, fetches };
}

it("asks for the neighbour in the same turn as for the chunk a reader waits for", () => {
  const { ahead, asked } = testDisk(10);
  void ahead.get(12, () => undefined);
  expect(asked).toEqual(["demand 12", "read-ahead 13"]);
});

it("does not read ahead into the next region", () => {
  const { ahead, asked } = testDisk(10);
  void ahead.get(8, () => undefined);
  expect(asked).toEqual(["demand 8", "read-ahead 9"]);
});

it("marks what it fetched ahead, and goes on when a reader gets there", async () => {
  const { ahead, asked, marked } = testDisk(20);
  await ahead.get(20, () => undefined);
  expect([...marked]).toEqual([1021]);
  ahead.onMark(1021);
  expect(asked.slice(2)).toEqual(["read-ahead 22"]);
  ahead.onMark(5); // another disk's
});

it("tells how much was fetched that nobody has read", async () => {
  const { ahead } = testDisk(10);
  await ahead.get(12, () => undefined);
  expect(ahead.unreadBytes).toBe(100_000);
  ahead.onMark(1013);
  expect(ahead.unreadBytes).toBe(100_000); // the next guess
  await ahead.get(14, () => undefined);
  expect(ahead.unreadBytes).toBe(100_000);
});

describe("a start", () => {
  it("streams the startup chunks in their order, and the metadata beside them, without what is there", async () => {
    const { open, asked, arrived, stored } = testDisk(4, [7, 5, 6]);
    stored.add(1).add(9);
    await open().start();
    expect(asked).toEqual(["stream 8,10", "stream 0,2,3"]);
    expect(arrived).toEqual([8, 10, 0, 2, 3]);
  });

  it("tells of all startup chunks whose bytes came, also of those with the same bytes", async () => {
    const { toc, ahead, asked, arrived } = testDisk(4, [2, 7, 5]);
    toc.startup.sha256.copyWithin(64, 0, 32);
    await ahead.start();
    expect(asked).toEqual(["stream 8,9"]);
    expect(arrived).toEqual([8, 10, 9]);
  });

  it("fetches what the startup blob had no room for behind it, in its order, without what is there", async () => {
    const { open, asked, stored } = testDisk(10, [2], [19, 12, 18]);
    stored.add(12);
    await open().start();
    expect(asked).toEqual(["stream 20", "read-ahead 19", "read-ahead 18"]);
  });

  it("has little of that under way at once, and ends with the disk", async () => {
    const prefetch = Array.from({ length: 30 }, (_, i) => 59 - i);
    const { open, asked, fetches } = testDisk(30, [2], prefetch);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    fetches.before = () => held;
    const ahead = open();
    const started = ahead.start();
    await new Promise(setImmediate);
    expect(asked).toEqual(["stream 60", ...prefetch.slice(0, 12).map((row) => `read-ahead ${row}`)]);
    ahead.close();
    release();
    await started;
    expect(asked.length).toBe(13);
  });

  it("puts what a reader had to wait for, or is the first to read of what was guessed, into the page cache", async () => {
    const { ahead, arrived } = testDisk(10, [2]);
    await ahead.start();
    await ahead.get(12, () => undefined);
    ahead.onMark(1013);
    expect(arrived).toEqual([20, 12, 13]);
  });

  it("that was recorded, or is none, leaves that to the kernel's read-ahead", async () => {
    const { open, arrived } = testDisk(10, [2]);
    const recorded = open(true);
    await recorded.start();
    for (const ahead of [recorded, open()]) await ahead.get(12, () => undefined);
    expect(arrived).toEqual([20]);
  });

  it("does not fetch the metadata whole when the startup chunks hold what it needs of it", async () => {
    const { ahead, asked } = testDisk(4, [2, 7]);
    await ahead.start();
    expect(asked).toEqual(["stream 8,9"]);
  });

  it("asks for no startup chunk whose blocks are all here", async () => {
    const { open, asked, stored } = testDisk(4, [2, 7]);
    stored.add(7);
    await open().start();
    expect(asked).toEqual(["stream 8"]);
  });

  it("that was predicted misses more, and what is around it", async () => {
    const { ahead, asked, stream } = testDisk(4, [2]);
    stream.before = () => ahead.get(5, () => undefined);
    await ahead.start();
    expect(asked.slice(1)).toEqual(["demand 5", "read-ahead 4", "read-ahead 6", "read-ahead 7"]);
  });

  it("that was recorded has the link for itself and the readers", async () => {
    const { open, asked, stream } = testDisk(4, [2, 7]);
    const ahead = open(true);
    let go: () => void = () => undefined;
    stream.before = () =>
      new Promise((resolve) => {
        go = resolve;
      });
    const started = ahead.start();
    await ahead.get(5, () => undefined);
    expect(asked).toEqual(["stream 8,9", "demand 5"]);
    go();
    await started;
    await ahead.get(4, () => undefined);
    expect(asked.slice(2)).toEqual(["demand 4"]); // 5 is here
    await ahead.get(6, () => undefined);
    expect(asked.slice(3)).toEqual(["demand 6"]); // 7 belongs to a startup chunk
  });

  it("counts what it brought as unread until somebody reads it", async () => {
    const { ahead } = testDisk(4, [2, 7]);
    const started = ahead.start();
    expect(ahead.unreadBytes).toBe(0);
    await started;
    expect(ahead.unreadBytes).toBe(20);
    ahead.onMark(1009);
    await ahead.get(8, () => undefined);
    expect(ahead.unreadBytes).toBe(0);
  });

  it("tells that its stream broke", async () => {
    const { ahead, asked, stream } = testDisk(4, [2, 7]);
    stream.before = () => Promise.reject(new Error("gone"));
    await ahead.start();
    expect(asked).toEqual(["stream 8,9", "Error: gone"]);
  });

  it("is silent about a stream that ends with the disk", async () => {
    const { ahead, asked, stream } = testDisk(4, [2, 7]);
    stream.before = () => Promise.reject(new Error("gone"));
    const started = ahead.start();
    ahead.close();
    await started;
    expect(asked).toEqual(["stream 8,9"]);
  });
});
