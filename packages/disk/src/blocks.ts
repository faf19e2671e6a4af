/** The unit of the disk. Bytes. docs/format.md */
export const blockSizeBytes = 4096;
/** The longest chunk: 1 MiB. Blocks. docs/format.md §1 */
export const maxChunkBlocks = 256;
/** Every region starts on a multiple of this: 1 GiB. Blocks. docs/format.md §5 */
export const regionAlignmentBlocks = 262_144;

/** How many blocks `sizeBytes` take. */
export const blocksOf = (sizeBytes: number): number => Math.ceil(sizeBytes / blockSizeBytes);
