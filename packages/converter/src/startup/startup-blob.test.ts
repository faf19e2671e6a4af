import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  blobKind,
  blockSizeBytes,
  type DiskRun,
  decompressFrame,
  encodeToc,
  normalRuns,
  withStartup,
} from "@sluice/disk";
import { sha256Of } from "@sluice/oci";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { localBlob } from "../layer/local-blob.js";
import { openTemporaryFile } from "../layer/temporary-file.js";
import { maxStartupBytes } from "../predict/limits.js";
import { InlineCompressor } from "../testing/inline-compressor.js";
import { type SampleDisk, sampleDisk } from "../testing/sample-disk.js";
import { openedBlob } from "../verify/artifact-reader.js";
import { checkStartup } from "../verify/check-startup.js";
import { type StartupBlob, type StartupBlobOptions, writeStartupBlob } from "./startup-blob.js";

const gibibyte = 262_144;
const fills = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);
/** Metadata of 6 blocks; a layer of 70 blocks, 20 of zeros, 30 and then 70 that are all equal. */
const disk: SampleDisk = sampleDisk(
  [fills(1, 4), fills(5, 2)],
  [fills(100, 40), fills(140, 30), 20, fills(170, 30), new Array<number>(70).fill(7)],
);
let temporaryDirectory = "";
beforeAll(async () => {
  temporaryDirectory = await mkdtemp(join(tmpdir(), "sluice-startup-"));
});
afterAll(() => rm(temporaryDirectory, { recursive: true }));

/** Writes the blob, and gives what its chunks hold by its TOC. */
async function written(
  runs: readonly DiskRun[],
  limit: Pick<StartupBlobOptions, "maxBytes"> = {},
): Promise<{ startup: StartupBlob | undefined; content: Buffer; bytes: Buffer }> {
  await using target = await openTemporaryFile(temporaryDirectory);
  const compressor = new InlineCompressor();
  const options = { temporaryDirectory, compressor, ...limit };
  const startup = await writeStartupBlob(runs, disk.toc, disk.blobs, target, options);
  const bytes = await target.handle.readFile();
  if (startup === undefined) return { startup, content: Buffer.alloc(0), bytes };
  const { chunks, blob } = startup;
  const toc = withStartup(disk.toc, { blob, chunks });
  expect(() => encodeToc(toc)).not.toThrow();
  const opened = await openedBlob(localBlob(target.handle, blob.sizeBytes), blob);
  await checkStartup(opened, toc, disk.blobs);
  const contents = Array.from({ length: chunks.count }, (_, row) => {
    const start = chunks.offset[row] ?? 0;
    const frame = bytes.subarray(start, start + (chunks.compressedSize[row] ?? 0));
    return decompressFrame(frame, (chunks.blocks[row] ?? 0) * blockSizeBytes, "chunk");
  });
  return { startup, content: Buffer.concat(contents), bytes };
}

const piecesOf = ({ chunks }: StartupBlob): DiskRun[] =>
  [...chunks.pieceStartBlock].map((startBlock, piece) => ({ startBlock, blocks: chunks.pieceBlocks[piece] ?? 0 }));

describe("a startup blob", () => {
  it("holds the blocks of the runs with data once, as `verify` proves, and the TOC accepts it", async () => {
    const near = fc.oneof(fc.nat(7), fc.integer({ min: gibibyte, max: gibibyte + 190 }));
    const runs = fc.array(fc.record({ startBlock: near, blocks: fc.integer({ min: 1, max: 80 }) }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(runs, async (given) => {
        const { startup, content } = await written(given);
        const normal = normalRuns(given, disk.toc.chunks);
        if (startup === undefined) {
          expect(normal).toEqual([]);
          return;
        }
        const pieces = piecesOf(startup);
        const expected = pieces.map(({ startBlock, blocks }) => disk.expected(startBlock, blocks));
        expect(content.equals(Buffer.concat(expected))).toBe(true);
        const sum = (all: readonly DiskRun[]): number => all.reduce((blocks, run) => blocks + run.blocks, 0);
        expect(sum(pieces)).toBe(sum(normal));
      }),
      { numRuns: 40 },
    );
  });

  it("has metadata and data in one chunk, in disk order, the chunks in order of first use", async () => {
    const { startup } = await written([
      { startBlock: gibibyte + 3, blocks: 62 },
      { startBlock: 0, blocks: 4 },
    ]);
    if (startup === undefined) throw new Error("there is data");
    expect([...startup.chunks.firstPiece]).toEqual([0, 2, 3]);
    expect(piecesOf(startup)).toEqual([
      { startBlock: 0, blocks: 2 },
      { startBlock: gibibyte + 3, blocks: 62 },
      { startBlock: 2, blocks: 2 },
    ]);
    expect(startup.blob.footer.kind).toBe(blobKind.startup);
  });

  it("reads each chunk of the disk once, however many runs lie in it", async () => {
    disk.reads.length = 0;
    await written([40, 10, 39, 0, 30].map((block) => ({ startBlock: gibibyte + block, blocks: 1 })));
    const [first] = disk.reads;
    expect(disk.reads.filter(({ start }) => start === first?.start).length).toBeLessThanOrEqual(2); // once more by the proof
  });

  it("has a frame for every chunk, equal ones too, so that it is one stream", async () => {
    const equal = gibibyte + 120;
    const { startup } = await written([
      { startBlock: equal, blocks: 35 },
      { startBlock: gibibyte, blocks: 29 },
      { startBlock: equal + 35, blocks: 35 },
      { startBlock: gibibyte + 29, blocks: 29 },
    ]);
    const same = await written([
      { startBlock: equal, blocks: 64 },
      { startBlock: equal + 64, blocks: 6 },
    ]);
    expect([startup?.chunks.count, same.startup?.chunks.count]).toEqual([2, 2]);
  });

  it("is the same for the same runs of the same disk", async () => {
    const runs = [
      { startBlock: gibibyte + 5, blocks: 100 },
      { startBlock: 1, blocks: 3 },
    ];
    const [one, other] = [await written(runs), await written(runs)];
    expect(one.startup?.blob.digest).toBe(other.startup?.blob.digest);
    expect(one.bytes.equals(other.bytes)).toBe(true);
    expect(sha256Of(one.bytes)).toBe(one.startup?.blob.digest);
  });

  it("holds of a set that is too large what is used first", async () => {
    const runs = [
      { startBlock: gibibyte + 10, blocks: 20 },
      { startBlock: 0, blocks: 4 },
      { startBlock: gibibyte, blocks: 10 },
      { startBlock: gibibyte + 100, blocks: 10 },
    ];
    const { startup, content } = await written(runs, { maxBytes: 30 * blockSizeBytes });
    expect(content.length).toBe(30 * blockSizeBytes);
    expect(startup === undefined ? [] : piecesOf(startup)).toEqual([
      { startBlock: 0, blocks: 4 },
      { startBlock: gibibyte, blocks: 6 },
      { startBlock: gibibyte + 10, blocks: 20 },
    ]);
    expect(maxStartupBytes).toBe(512 * 1024 * 1024);
  });

  it("is none when nothing with data is left", async () => {
    const { startup, bytes } = await written([
      { startBlock: gibibyte + 75, blocks: 10 },
      { startBlock: 99, blocks: 1 },
    ]);
    expect([startup, bytes.length]).toEqual([undefined, 0]);
  });
});

describe("equal chunks of a startup blob", () => {
  it("lie one behind the other", async () => {
    const twice = sampleDisk([[1]], [new Array<number>(128).fill(7)]);
    await using target = await openTemporaryFile(temporaryDirectory);
    const options = { temporaryDirectory, compressor: new InlineCompressor() };
    const runs = [{ startBlock: gibibyte, blocks: 128 }];
    const startup = await writeStartupBlob(runs, twice.toc, twice.blobs, target, options);
    if (startup === undefined) throw new Error("there is data");
    const { offset, compressedSize } = startup.chunks;
    expect([...offset]).toEqual([0, compressedSize[0]]);
    expect(() => encodeToc(withStartup(twice.toc, startup))).not.toThrow();
  });
});
