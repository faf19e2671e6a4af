import { regionAlignmentBlocks } from "../blocks.js";

/** Where regions of these lengths start on the disk, in order: each on the next free multiple of 1 GiB. Blocks. docs/format.md §5 */
export function regionStarts(blocks: readonly number[]): number[] {
  const starts: number[] = [];
  let next = 0;
  for (const count of blocks) {
    starts.push(next);
    next = Math.ceil((next + count) / regionAlignmentBlocks) * regionAlignmentBlocks;
  }
  return starts;
}
