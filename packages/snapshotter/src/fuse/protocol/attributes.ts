import { blockSizeBytes } from "@sluice/disk/blocks";

/** What the kernel may know of an inode. Times are all zero. */
export interface Attributes {
  readonly inode: number;
  readonly sizeBytes: number;
  /** Type and permissions, as in `st_mode`. */
  readonly mode: number;
}

/** struct fuse_attr. Bytes. */
export const attributesBytes = 88;

/** Writes a struct fuse_attr, whole, at `at` (a multiple of 4). */
export function writeAttributes(words: Uint32Array, at: number, attributes: Attributes): void {
  const start = at / 4;
  words.fill(0, start, start + attributesBytes / 4);
  const blocks = Math.ceil(attributes.sizeBytes / 512);
  words[start] = attributes.inode;
  words[start + 2] = attributes.sizeBytes >>> 0;
  words[start + 3] = Math.floor(attributes.sizeBytes / 2 ** 32);
  words[start + 4] = blocks >>> 0;
  words[start + 5] = Math.floor(blocks / 2 ** 32);
  words[start + 15] = attributes.mode; // behind ino, size, blocks, three times and their three nanoseconds
  words[start + 16] = 1; // nlink
  words[start + 20] = blockSizeBytes;
}
