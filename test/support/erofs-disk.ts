import { open } from "node:fs/promises";
import { mergeLayers, planErofs, regionAlignmentBlocks, writeErofs } from "@sluice/disk";
import { layerOf, type TestEntry } from "@sluice/disk/testing";

/** An entry of a test disk; a file's size is that of its content. */
export interface DiskEntry extends Omit<TestEntry, "sizeBytes"> {
  readonly content?: Uint8Array;
}

/** A disk in a sparse file, as the converter would lay it out: the metadata, and from 1 GiB on the data of one layer. */
export interface DiskImage {
  readonly path: string;
  readonly sizeBytes: number;
  readonly dataOffset: number;
  readonly metadataBlocks: number;
}

export async function writeDiskImage(path: string, entries: readonly DiskEntry[]): Promise<DiskImage> {
  const layer = layerOf(
    entries.map(({ content, ...entry }) => ({ ...entry, ...(content && { sizeBytes: content.byteLength }) })),
  );
  const diskBlocks = regionAlignmentBlocks + layer.dataBlocks;
  const plan = planErofs(mergeLayers([layer]));
  const dataOffset = regionAlignmentBlocks * 4096;
  const file = await open(path, "w");
  let at = 0;
  try {
    for (const piece of writeErofs(plan, { layerStartBlocks: [regionAlignmentBlocks], diskBlocks })) {
      await file.write(piece, 0, piece.byteLength, at);
      at += piece.byteLength;
    }
    await file.truncate(diskBlocks * 4096);
    for (const [row, { content }] of entries.entries()) {
      if (content) await file.write(content, 0, content.byteLength, dataOffset + (layer.startBlock[row] ?? 0) * 4096);
    }
  } finally {
    await file.close();
  }
  return { path, sizeBytes: diskBlocks * 4096, dataOffset, metadataBlocks: at / 4096 };
}
