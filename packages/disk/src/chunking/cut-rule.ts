/** A chunk is not cut before this many blocks unless a file or a zero run forces it: 64 KiB. docs/format.md §1.1 */
export const minCutBlocks = 16;
/** Chances are that a chunk ends this many blocks after the minimum, which makes 64 blocks (256 KiB) on average. */
const meanBlocksAfterMin = 48;
/** A block ends its chunk when its CRC-32 is below this. */
export const cutThreshold: number = Math.floor(2 ** 32 / meanBlocksAfterMin);
/** Files from this size on get chunks of their own: 256 KiB. Smaller ones are not cut inside unless the chunk would be too long. */
export const largeFileBlocks = 64;
/** Zero runs from this length on become zero chunks: 64 KiB. Shorter ones cost more in rows and split chunks than they save. */
export const minZeroRunBlocks = 16;
/** Metadata are cut at every multiple of this, 64 KiB: what moves in one segment of them leaves the others in place. docs/format.md §3 */
export const metadataChunkBlocks = 16;
