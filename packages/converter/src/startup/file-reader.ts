import { blockSizeBytes, entryType, type MergedTree } from "@sluice/disk";
import type { DiskBlocks } from "./disk-blocks.js";

/** Bytes `[offset, offset + length)` of a file, which lie inside it. */
export type ReadFile = (inode: number, offset: number, length: number) => Promise<Uint8Array>;

/**
 * Reads the files of a merged image from its disk.
 *
 * @param layerStartBlocks where the data of each layer start on the disk
 * @returns a function that rejects with a RangeError for what is no file or lies outside it, and with what the disk throws
 */
export function fileReader(tree: MergedTree, layerStartBlocks: readonly number[], disk: DiskBlocks): ReadFile {
  return async (inode, offset, length) => {
    const sizeBytes = tree.type[inode] === entryType.file ? (tree.sizeBytes[inode] ?? 0) : 0;
    if (!(offset >= 0 && length >= 0 && offset + length <= sizeBytes))
      throw new RangeError(`inode ${inode} of ${sizeBytes} bytes: ${length} bytes at ${offset} lie outside`);
    if (length === 0) return new Uint8Array(0);
    const startBlock = (layerStartBlocks[tree.layer[inode] ?? -1] ?? 0) + (tree.startBlock[inode] ?? 0);
    return disk.read(startBlock * blockSizeBytes + offset, length);
  };
}
