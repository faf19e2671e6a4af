import { blobKind, type ChunkTable, type Toc } from "@sluice/disk";
import { startupTable } from "@sluice/disk/testing";
import { sha256Of } from "@sluice/oci";
import { expect, it } from "vitest";
import { ChunksAhead } from "./chunks-ahead.js";
import { DiskMap } from "./disk-map.js";

/** Two regions of `count` chunks each, of 100,000 compressed bytes; the first is the metadata. */
function testDisk(count: number) {
  const rows = Array.from({ length: 2 * count }, (_, row) => row);
  const chunks: ChunkTable = {
    count: rows.length,
    startBlock: Uint32Array.from(rows),
    blocks: new Uint32Array(rows.length).fill(1),
    blob: Uint16Array.from(rows, (row) => (row < count ? 0 : 1)),
    offset: Float64Array.from(rows, (row) => (row % count) * 100_000),
    compressedSize: new Uint32Array(rows.length).fill(100_000),
    sha256: Buffer.concat(rows.map((row) => Buffer.alloc(32, row + 1))),
  };
  const toc: Toc = {
    diskBlocks: rows.length,
    source: sha256Of("source"),
    blobs: [blobKind.metadata, blobKind.layer].map((kind) => ({ kind, digest: sha256Of(`${kind}`), sizeBytes: 1e9 })),
    regions: [0, 1].map((blob) => ({
      startBlock: blob * count,
      blocks: count,
      blob,
      firstChunk: blob * count,
      chunkCount: count,
    })),
    chunks,
    startup: startupTable([]),
  };
  const asked: string[] = [];
  const stored = new Set<number>();
  const marked = new Set<number>();
  const slots = Int32Array.from(rows, (row) => 1000 + row);
  const ahead = new ChunksAhead(
    new DiskMap(toc, { slots }, { isStored: (slot) => stored.has(slot - 1000) }),
    { mark: (slot) => marked.add(slot) },
    {
      get: async (place, cause) => {
        const row = rows.find((one) => Buffer.alloc(32, one + 1).toString("hex") === place.id.slice(7)) ?? -1;
        asked.push(`${cause} ${row}`);
        stored.add(row);
        return new Uint8Array(1);
      },
    },
  );
  return { ahead, asked, stored, marked };
}

it("asks for the neighbour in the same turn as for the chunk a reader waits for", () => {
  const { ahead, asked } = testDisk(10);
  void ahead.get(12);
  expect(asked).toEqual(["demand 12", "read-ahead 13"]);
});

it("does not read ahead into the next region", () => {
  const { ahead, asked } = testDisk(10);
  void ahead.get(8);
  expect(asked).toEqual(["demand 8", "read-ahead 9"]);
});

it("marks what it fetched ahead, and goes on when a reader gets there", async () => {
  const { ahead, asked, marked } = testDisk(20);
  await ahead.get(20);
  expect([...marked]).toEqual([1021]);
  ahead.onMark(1021);
  expect(asked.slice(2)).toEqual(["read-ahead 22"]);
  ahead.onMark(5); // another disk's
});

it("tells how much was fetched that nobody has read", async () => {
  const { ahead } = testDisk(10);
  await ahead.get(12);
  expect(ahead.unreadBytes).toBe(100_000);
  ahead.onMark(1013);
  expect(ahead.unreadBytes).toBe(100_000); // the next guess
  await ahead.get(14);
  expect(ahead.unreadBytes).toBe(100_000);
});

it("fetches the metadata that is not there, and only that", () => {
  const { ahead, asked, stored } = testDisk(4);
  stored.add(1);
  ahead.fetchMetadata();
  expect(asked).toEqual(["startup 0", "startup 2", "startup 3"]);
});
