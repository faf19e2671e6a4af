import { blobKind, type ChunkTable, type DiskRun, type Toc } from "@sluice/disk";
import { startupTable } from "@sluice/disk/testing";
import { sha256Of } from "@sluice/oci";
import { expect, it } from "vitest";
import { Arrivals } from "./arrivals.js";
import { DiskMap } from "./disk-map.js";

/** A metadata region and a data region of three blocks each, in chunks of a block; startup chunks over blocks of the data. */
function arrivalsWith(stored: ReadonlySet<number>, startup: readonly number[]): Arrivals {
  const rows = [0, 1, 2, 3, 4, 5];
  const chunks: ChunkTable = {
    count: 6,
    startBlock: Uint32Array.from(rows),
    blocks: new Uint32Array(6).fill(1),
    blob: Uint16Array.of(0, 0, 0, 1, 1, 1),
    offset: Float64Array.from(rows, (row) => 10 * (row % 3)),
    compressedSize: new Uint32Array(6).fill(10),
    sha256: new Uint8Array(6 * 32),
  };
  const kinds = [blobKind.metadata, blobKind.layer, blobKind.startup];
  const toc: Toc = {
    diskBlocks: 6,
    source: sha256Of("source"),
    blobs: kinds.map((kind) => ({ kind, digest: sha256Of(`${kind}`), sizeBytes: 100 })),
    regions: [0, 1].map((blob) => ({ startBlock: 3 * blob, blocks: 3, blob, firstChunk: 3 * blob, chunkCount: 3 })),
    chunks,
    startup: startupTable(startup.map((startBlock) => [{ startBlock, blocks: 1 }])),
  };
  const slots = Int32Array.from({ length: 6 + startup.length }, (_, chunk) => chunk);
  return new Arrivals(new DiskMap(toc, { slots }, { isStored: (slot) => stored.has(slot) }));
}

it("tells at once of what a start needs and is here, then of each chunk that comes, until told to stop", () => {
  const arrivals = arrivalsWith(new Set([1, 3, 7]), [5, 4]);
  const heard: (readonly DiskRun[])[] = [];
  const stop = arrivals.listen((runs) => heard.push(runs));
  expect(heard).toEqual([
    [
      { startBlock: 1, blocks: 1 },
      { startBlock: 4, blocks: 1 },
    ],
  ]);
  arrivals.add(6);
  expect(heard[1]).toEqual([{ startBlock: 5, blocks: 1 }]);
  stop();
  arrivals.add(6);
  expect(heard).toHaveLength(2);
});

it("leaves the rest of the metadata alone where the startup chunks hold what counts of it", () => {
  const heard: (readonly DiskRun[])[] = [];
  arrivalsWith(new Set([0, 1, 6]), [2]).listen((runs) => heard.push(runs));
  expect(heard).toEqual([[{ startBlock: 2, blocks: 1 }]]);
});

it("says nothing where nothing is here", () => {
  arrivalsWith(new Set(), [5]).listen(() => {
    throw new Error("nothing came");
  });
});
