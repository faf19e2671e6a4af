import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DiskFile } from "./disk-file.js";
import { type ChunkReader, chunkRowAt, readDisk } from "./read-disk.js";

/** Runs of blocks in disk order: a gap, or a piece of a chunk that is stored, zero, or missing. */
const layout = fc.array(
  fc.record({
    kind: fc.constantFrom("gap", "stored", "zero", "missing"),
    blocks: fc.integer({ min: 1, max: 4 }),
    offsetInChunk: fc.nat(3),
  }),
  { maxLength: 12 },
);

/** A disk, its bytes, and which of its blocks are missing. */
function diskOf(runs: readonly { kind: string; blocks: number; offsetInChunk: number }[]): {
  disk: DiskFile;
  bytes: Buffer;
  missing: boolean[];
  reader: ChunkReader;
} {
  const rows: { start: number; blocks: number; slot: number; offsetInChunk: number }[] = [];
  const stored: Buffer[] = [];
  const pieces: Buffer[] = [];
  const missing: boolean[] = [];
  for (const { kind, blocks, offsetInChunk } of runs) {
    const start = missing.length;
    const content = Buffer.alloc(blocks * 4096, kind === "stored" ? `${start + 1}` : 0);
    pieces.push(content);
    for (let block = 0; block < blocks; block++) missing.push(kind === "missing");
    if (kind === "gap") continue;
    const slot = kind === "zero" ? -1 : kind === "missing" ? 1_000_000 : stored.length;
    rows.push({ start, blocks, slot, offsetInChunk });
    if (kind === "stored") stored.push(Buffer.concat([Buffer.alloc(offsetInChunk * 4096, "before"), content, content]));
  }
  const column = (value: (row: (typeof rows)[number]) => number): number[] => rows.map(value);
  const disk: DiskFile = {
    inode: 16,
    name: "disk",
    sizeBytes: missing.length * 4096,
    metadataBlocks: 0,
    startBlock: Uint32Array.from(column(({ start }) => start)),
    blocks: Uint32Array.from(column(({ blocks }) => blocks)),
    slots: Int32Array.from(column(({ slot }) => slot)),
    offsetInChunk: Uint32Array.from(column(({ offsetInChunk }) => offsetInChunk)),
  };
  const reader: ChunkReader = {
    read: (slot, offset, length, into, intoOffset) => {
      const chunk = stored[slot];
      if (chunk === undefined) return -1;
      return chunk.copy(into, intoOffset, offset, offset + length);
    },
  };
  return { disk, bytes: Buffer.concat(pieces), missing, reader };
}

describe("readDisk", () => {
  it("gives the disk's bytes for every range, or says that one is missing, and touches nothing around them", () => {
    fc.assert(
      fc.property(layout, fc.nat(), fc.nat(), (runs, from, to) => {
        const { disk, bytes, missing, reader } = diskOf(runs);
        const [start, end] = [from % (bytes.length + 1), to % (bytes.length + 1)].toSorted((a, b) => a - b);
        if (start === undefined || end === undefined) return;
        const into = new Uint8Array(end - start + 20).fill(0xaa);
        const isThere = readDisk(disk, reader, start, end - start, into, 10);
        const touched = missing.slice(Math.floor(start / 4096), Math.ceil(end / 4096));
        expect(isThere).toBe(start === end || !touched.includes(true));
        expect([...into.subarray(0, 10), ...into.subarray(into.length - 10)]).toEqual(new Array(20).fill(0xaa));
        if (isThere)
          expect(Buffer.from(into.subarray(10, into.length - 10)).equals(bytes.subarray(start, end))).toBe(true);
      }),
    );
  });

  it("takes a chunk that gives fewer bytes than it should for missing", () => {
    const { disk } = diskOf([{ kind: "stored", blocks: 1, offsetInChunk: 0 }]);
    expect(readDisk(disk, { read: () => 100 }, 0, 4096, new Uint8Array(4096), 0)).toBe(false);
  });
});

describe("chunkRowAt", () => {
  it("is the last row that starts at or before the block", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(1000), { maxLength: 50 }), fc.nat(1100), (starts, block) => {
        const sorted = Uint32Array.from(starts).toSorted();
        expect(chunkRowAt(sorted, block)).toBe(sorted.findLastIndex((start) => start <= block));
      }),
    );
  });
});
