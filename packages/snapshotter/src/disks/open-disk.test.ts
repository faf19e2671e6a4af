import { blobKind, blockSizeBytes, type Toc } from "@sluice/disk";
import { startupTable } from "@sluice/disk/testing";
import { digestOfHash, hashOfDigest, sha256Of } from "@sluice/oci";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { chunkPlace } from "./chunk-place.js";
import { DiskMap } from "./disk-map.js";
import { createOpenDisk, type DiskChunks, startupPatienceMs } from "./open-disk.js";

/** Chunks of a test disk: how many blocks; `zero` lies in no blob, `gap` is in no chunk at all. */
type Piece = { readonly kind: "data" | "zero" | "gap"; readonly blocks: number };

interface TestDisk {
  readonly toc: Toc;
  readonly content: Buffer;
  readonly chunks: DiskChunks & { readonly asked: number[] };
}

function testDisk(pieces: readonly Piece[]): TestDisk {
  const contents: Buffer[] = [];
  const stored = new Map<string, Uint8Array>();
  const rows: { start: number; blocks: number; size: number; offset: number; id: Uint8Array }[] = [];
  let start = 0;
  let offset = 0;
  for (const [i, { kind, blocks }] of pieces.entries()) {
    const bytes = Buffer.alloc(blocks * blockSizeBytes, kind === "data" ? `piece ${i} ` : 0);
    contents.push(bytes);
    const size = kind === "data" ? 100 + i : 0;
    const id = sha256Of(bytes);
    if (kind !== "gap") {
      rows.push({ start, blocks, size, offset, id: kind === "data" ? hashOfDigest(id) : new Uint8Array(32) });
    }
    if (kind === "data") stored.set(id, bytes);
    offset += size;
    start += blocks;
  }
  const asked: number[] = [];
  const chunks = {
    count: rows.length,
    startBlock: Uint32Array.from(rows, (row) => row.start),
    blocks: Uint32Array.from(rows, (row) => row.blocks),
    blob: new Uint16Array(rows.length),
    offset: Float64Array.from(rows, (row) => row.offset),
    compressedSize: Uint32Array.from(rows, (row) => row.size),
    sha256: Buffer.concat(rows.map((row) => row.id)),
  };
  const blob = { kind: blobKind.metadata, digest: sha256Of("blob"), sizeBytes: offset };
  return {
    content: Buffer.concat(contents),
    toc: {
      diskBlocks: start,
      source: sha256Of("source"),
      blobs: [blob],
      regions: [],
      chunks,
      startup: startupTable([]),
    },
    chunks: {
      asked,
      get: async (row, use, options) => {
        options?.signal?.throwIfAborted();
        asked.push(row);
        const id = digestOfHash(chunks.sha256, row * 32);
        const bytes = stored.get(id);
        if (!bytes) throw new Error(`no chunk ${id}`);
        const lent = new Uint8Array(bytes);
        use(lent);
        lent.fill(0xee); // somebody else's by now
      },
    },
  };
}

const open = ({ toc, chunks }: TestDisk) => {
  const slots = Int32Array.from(toc.chunks.compressedSize, (size, row) => (size === 0 ? -1 : row));
  return createOpenDisk(sha256Of("artifact"), new DiskMap(toc, { slots }, { isStored: () => false }), chunks);
};

const pieces: readonly Piece[] = [
  { kind: "data", blocks: 3 },
  { kind: "zero", blocks: 5 },
  { kind: "data", blocks: 1 },
  { kind: "gap", blocks: 4 },
  { kind: "data", blocks: 2 },
  { kind: "gap", blocks: 1 },
];

describe("a read of an open disk", () => {
  it("gives the bytes of any range, across chunks, zeros and gaps", async () => {
    const disk = testDisk(pieces);
    const opened = open(disk);
    const size = disk.content.length;
    await fc.assert(
      fc.asyncProperty(fc.nat(size), fc.nat(size), async (a, b) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)];
        const bytes = await opened.read(start, end - start);
        expect(Buffer.compare(bytes, disk.content.subarray(start, end))).toBe(0);
      }),
    );
  });

  it("asks for the chunks that overlap, all at once, and no other", async () => {
    const disk = testDisk(pieces);
    await open(disk).read(2 * blockSizeBytes, 7 * blockSizeBytes);
    expect(disk.chunks.asked).toEqual([0, 2]);
    expect(chunkPlace(disk.toc, 2)).toMatchObject({
      sizeBytes: blockSizeBytes,
      blob: sha256Of("blob"),
      frame: { start: 100, end: 202 },
    });
  });

  it("asks nobody for zeros", async () => {
    const disk = testDisk(pieces);
    expect(await open(disk).read(4 * blockSizeBytes, blockSizeBytes)).toEqual(new Uint8Array(blockSizeBytes));
    expect(disk.chunks.asked).toEqual([]);
  });

  it("fails as a whole when one chunk cannot be had", async () => {
    const disk = testDisk(pieces);
    disk.toc.chunks.sha256.fill(1, 64, 96);
    await expect(open(disk).read(0, 9 * blockSizeBytes)).rejects.toThrow(/no chunk/);
  });

  it.each([-1, 1, -blockSizeBytes])("fails when a chunk is %i bytes longer than the TOC says", async (by) => {
    const disk = testDisk(pieces);
    const wrong: DiskChunks = {
      get: (row, use, options) =>
        disk.chunks.get(row, (bytes) => use(row === 0 ? new Uint8Array(bytes.byteLength + by) : bytes), options),
    };
    const opened = open({ ...disk, chunks: { ...wrong, asked: [] } });
    await expect(opened.read(0, 100)).rejects.toMatchObject({ code: "CHUNK_LENGTH" });
    expect((await opened.read(8 * blockSizeBytes, 10)).byteLength).toBe(10);
  });

  it("refuses a range outside the disk", async () => {
    const disk = testDisk(pieces);
    await expect(open(disk).read(disk.content.length - 1, 2)).rejects.toThrow(RangeError);
    await expect(open(disk).read(-1, 1)).rejects.toThrow(RangeError);
  });

  it("rejects with the reason of the caller who left", async () => {
    const signal = AbortSignal.abort(new Error("left"));
    await expect(open(testDisk(pieces)).read(0, 1, { signal })).rejects.toThrow("left");
  });
});

describe("a read of a startup chunk", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("waits a few seconds for it, then takes the chunks of the region instead", async () => {
    const disk = testDisk([{ kind: "data", blocks: 3 }]);
    const startup = startupTable([[{ startBlock: 1, blocks: 1 }]]);
    const map = new DiskMap({ ...disk.toc, startup }, { slots: Int32Array.of(0, 1) }, { isStored: () => false });
    const chunks: DiskChunks = {
      get: (chunk, use, options) => {
        if (chunk === 0) return disk.chunks.get(chunk, use, options);
        return new Promise((_, reject) => {
          options?.signal?.addEventListener("abort", () => reject(options.signal?.reason), { once: true });
        });
      },
    };
    vi.useFakeTimers();
    let bytes: Uint8Array | undefined;
    const opened = createOpenDisk(sha256Of("artifact"), map, chunks);
    const reading = opened.read(blockSizeBytes, blockSizeBytes).then((read) => {
      bytes = read;
    });
    await vi.advanceTimersByTimeAsync(startupPatienceMs - 1);
    expect(bytes).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    await reading;
    expect(Buffer.compare(bytes ?? new Uint8Array(), disk.content.subarray(4096, 8192))).toBe(0);
  });
});
