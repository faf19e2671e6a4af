/**
 * One file of the FUSE mount: a disk as the worker threads see it. Everything is either plain or lies in a SharedArrayBuffer, so it may be posted as it is.
 * Its rows are disjoint pieces of chunks: `startBlock` rises. Blocks in no piece read as zeros.
 */
export interface DiskFile {
  /** Above {@link lastReservedInode}. Never given to another disk while this mount lives. */
  readonly inode: number;
  /** ASCII letters, digits, `.`, `_`, `-`; at most 200. */
  readonly name: string;
  /** A multiple of the block size. */
  readonly sizeBytes: number;
  readonly startBlock: Uint32Array;
  readonly blocks: Uint32Array;
  /** Slot of the piece's chunk in the store; below 0 for a zero chunk. */
  readonly slots: Int32Array;
  /** Where in its chunk the piece starts. Blocks. */
  readonly offsetInChunk: Uint32Array;
  /** The disk's first blocks, which a file system on it reads page by page without read-ahead; their neighbours are pushed. 0: none are. */
  readonly metadataBlocks: number;
}

/** Inodes up to here are the root's and room for more directories. */
export const lastReservedInode = 15;

/** S_IFREG, readable by its owner alone: the bytes of a disk are everybody's files, without anybody's permissions. */
export const diskFileMode = 0o100400;
/** S_IFDIR, likewise. */
export const rootMode = 0o40500;
