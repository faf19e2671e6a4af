import { blocksOf, entryType, LayerIndexBuilder, type MergedTree, mergeLayers } from "@sluice/disk";
import { describe, expect, it } from "vitest";
import { largeFileWarnings } from "./large-files.js";

function treeOf(files: Readonly<Record<string, number>>): MergedTree {
  const builder = new LayerIndexBuilder();
  let blocks = 0;
  for (const [path, sizeBytes] of Object.entries(files)) {
    const attributes = { mode: 0o644, uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0 };
    const entry = builder.append({ type: entryType.file, path: Buffer.from(path), sizeBytes, ...attributes });
    builder.setStartBlock(entry, blocks);
    blocks += blocksOf(sizeBytes);
  }
  return mergeLayers([builder.finish(blocks)]);
}

describe("largeFileWarnings", () => {
  it("names files of 30 GB and more, and no smaller ones", () => {
    const warnings = largeFileWarnings(treeOf({ "data/model.bin": 30e9, "data/index.bin": 30e9 - 1 }));
    expect(warnings).toEqual([
      "/data/model.bin has 30000000000 bytes: a file of this size is better mounted as a volume",
    ]);
  });

  it("names the first ten and counts the others", () => {
    const files = Object.fromEntries(Array.from({ length: 13 }, (_, i) => [`f${i}`, 5000]));
    const warnings = largeFileWarnings(treeOf(files), 5000);
    expect(warnings).toHaveLength(11);
    expect(warnings.at(-1)).toBe("3 more files of at least 5000 bytes");
  });
});
