import { entryType, type MergedTree, pathOf } from "@sluice/disk";

/** From this size on a file that a start needs keeps a node busy for long: better a mounted volume. AS12. Bytes. */
export const largeFileBytes: number = 30 * 1000 ** 3;

const maxNamed = 10;

/** Sentences about files of at least `thresholdBytes`: the first few by name, then a count. */
export function largeFileWarnings(tree: MergedTree, thresholdBytes: number = largeFileBytes): string[] {
  const warnings: string[] = [];
  let more = 0;
  for (let inode = 0; inode < tree.inodeCount; inode++) {
    const sizeBytes = tree.sizeBytes[inode] ?? 0;
    if (tree.type[inode] !== entryType.file || sizeBytes < thresholdBytes) continue;
    if (warnings.length === maxNamed) more++;
    else
      warnings.push(`${pathOf(tree, inode)} has ${sizeBytes} bytes: a file of this size is better mounted as a volume`);
  }
  return more > 0 ? [...warnings, `${more} more files of at least ${thresholdBytes} bytes`] : warnings;
}
