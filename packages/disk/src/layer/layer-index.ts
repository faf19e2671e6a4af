import type { ByteStrings } from "../byte-strings.js";

/** What an entry of a layer is. The numbers are those of docs/format.md §2.4. */
export const entryType = {
  file: 1,
  directory: 2,
  symlink: 3,
  hardLink: 4,
  characterDevice: 5,
  blockDevice: 6,
  fifo: 7,
  whiteout: 8,
  opaque: 9,
} as const;

export type EntryType = (typeof entryType)[keyof typeof entryType];

/** The entries of one layer in tar order, as columns; duplicates are still there (the last wins). docs/format.md §2.4 */
export interface LayerIndex {
  readonly entryCount: number;
  /** Length of the layer's data space. Blocks. */
  readonly dataBlocks: number;
  readonly type: Uint8Array;
  /** Permission, setuid, setgid and sticky bits. */
  readonly mode: Uint32Array;
  readonly uid: Uint32Array;
  readonly gid: Uint32Array;
  /** Seconds since 1970, negative before; whole numbers. */
  readonly mtimeSeconds: Float64Array;
  readonly mtimeNanoseconds: Uint32Array;
  /** Files: first block in the layer's data space. */
  readonly startBlock: Uint32Array;
  readonly rdevMajor: Uint32Array;
  readonly rdevMinor: Uint32Array;
  /** Files: content. Safe integers. */
  readonly sizeBytes: Float64Array;
  /** Normalised; the root is empty. */
  readonly path: ByteStrings;
  /** Symlink target as in the tar, or normalised path of the file a hard link names. */
  readonly target: ByteStrings;
  /** Per entry a list of (u16 name length, u32 value length, name, value), sorted by name. */
  readonly xattrs: ByteStrings;
}
