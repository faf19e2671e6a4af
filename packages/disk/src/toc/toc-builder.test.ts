import { sha256Of } from "@sluice/oci/content";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type SeekTable, SeekTableBuilder } from "../frames/seek-table.js";
import { sampleSeekTable, sampleToc } from "../testing/samples.js";
import { checkToc } from "./check-toc.js";
import { chunkIndexAtBlock } from "./chunk-at-block.js";
import { DiskRegions } from "./disk-regions.js";
import { TocBuilder } from "./toc-builder.js";

const gibibyte = 262_144;
const blob = (name: string): { digest: ReturnType<typeof sha256Of>; sizeBytes: number } => ({
  digest: sha256Of(name),
  sizeBytes: 1000,
});

function zeros(blocks: number): SeekTable {
  const builder = new SeekTableBuilder();
  builder.addZeros(blocks);
  return builder.finish();
}

describe("the layout of the disk", () => {
  it("starts each region on the next free multiple of 1 GiB", () => {
    const builder = new TocBuilder(sha256Of("source"), blob("metadata"), sampleSeekTable());
    expect(builder.addLayer(blob("a"), zeros(gibibyte))).toBe(gibibyte);
    expect(builder.addLayer(blob("b"), zeros(gibibyte + 1))).toBe(2 * gibibyte);
    expect(builder.addLayer(blob("c"), zeros(1))).toBe(4 * gibibyte);
    expect(builder.build().diskBlocks).toBe(4 * gibibyte + 1);
    expect(() => checkToc(builder.build())).not.toThrow();
  });

  it("is known before there are tables: a blob that is placed again stays, an empty one takes no room", () => {
    const regions = new DiskRegions();
    expect(regions.diskBlocks).toBe(0);
    const sizes = { metadata: 13, a: gibibyte, empty: 0, b: gibibyte + 1, c: 1 };
    const starts = Object.entries(sizes).map(([name, blocks]) => regions.place(name, blocks));
    expect(starts).toEqual([0, gibibyte, 2 * gibibyte, 2 * gibibyte, 4 * gibibyte]);
    expect(regions.place("a", gibibyte)).toBe(gibibyte);
    expect(regions.diskBlocks).toBe(4 * gibibyte + 1);
  });

  it("has a layer that occurs twice once, and an empty one nowhere", () => {
    const builder = new TocBuilder(sha256Of("source"), blob("metadata"), sampleSeekTable());
    const first = builder.addLayer(blob("a"), sampleSeekTable());
    builder.addLayer(blob("empty"), new SeekTableBuilder().finish());
    expect(builder.addLayer(blob("a"), sampleSeekTable())).toBe(first);
    const toc = builder.build();
    expect(toc.regions.length).toBe(2);
    expect(toc.blobs.map(({ digest }) => digest)).toEqual(["metadata", "a", "empty"].map((name) => sha256Of(name)));
    expect(() => checkToc(toc)).not.toThrow();
  });
});

describe("the chunk of a block", () => {
  const { chunks } = sampleToc();

  it("is the one whose blocks hold it, or none", () => {
    fc.assert(
      fc.property(fc.oneof(fc.nat(30), fc.integer({ min: gibibyte - 5, max: 2 * gibibyte + 30 })), (block) => {
        const found = chunkIndexAtBlock(chunks, block);
        const holds = (row: number): boolean => {
          const start = chunks.startBlock[row] ?? 0;
          return start <= block && block < start + (chunks.blocks[row] ?? 0);
        };
        const expected = Array.from({ length: chunks.count }, (_, row) => row).find(holds) ?? -1;
        expect(found).toBe(expected);
      }),
    );
  });

  it("is none in an empty table", () => expect(chunkIndexAtBlock({ ...chunks, count: 0 }, 0)).toBe(-1));
});
