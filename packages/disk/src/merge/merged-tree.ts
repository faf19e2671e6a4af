import { type ByteStrings, byteString } from "../byte-strings.js";

/** In {@link MergedTree.layer}: no layer has an entry for this directory; something below it implied it. */
export const noLayer = -1;

/** An extended attribute that the merged image does not carry. `path` and `name` are for people: bytes that are not UTF-8 are replaced. */
export interface XattrWarning {
  readonly path: string;
  readonly name: string;
  readonly reason: string;
}

/** Attributes that are named when they are left out; an image can have any number. */
export const maxXattrWarnings = 10;

/**
 * The file system that a list of layers describes, whiteouts and opaque directories applied. Inodes and names are columns.
 *
 * Inodes are numbered breadth first, the names of a directory in byte order; inode 0 is the root. The names in directory `d` are
 * the entries `firstEntry[d]` up to, not including, `firstEntry[d + 1]`; for anything but a directory the two are equal.
 * Equal layers give equal trees, column by column.
 */
export interface MergedTree {
  readonly inodeCount: number;
  /** An `entryType`, but never hard link, whiteout or opaque. */
  readonly type: Uint8Array;
  /** Permission, setuid, setgid and sticky bits. */
  readonly mode: Uint32Array;
  readonly uid: Uint32Array;
  readonly gid: Uint32Array;
  readonly mtimeSeconds: Float64Array;
  readonly mtimeNanoseconds: Uint32Array;
  /** Files and the like: names. Directories: 2 and their subdirectories. */
  readonly linkCount: Uint32Array;
  /** Index of the layer whose data space holds the file, and whose entry gave the attributes; {@link noLayer} for implied directories. */
  readonly layer: Int32Array;
  /** Files: first block in that layer's data space. */
  readonly startBlock: Uint32Array;
  /** Files: content. Symlinks: target. Directories: 0. */
  readonly sizeBytes: Float64Array;
  readonly rdevMajor: Uint32Array;
  readonly rdevMinor: Uint32Array;
  /** Symlinks: 1 to 4095 bytes. */
  readonly target: ByteStrings;
  /** As in a layer index, without those that were dropped. */
  readonly xattrs: ByteStrings;
  /** The directory that holds the first name of the inode; the root is its own. */
  readonly parent: Uint32Array;
  /** The first entry that names the inode; of no meaning for the root. */
  readonly nameEntry: Uint32Array;
  readonly firstEntry: Uint32Array;
  readonly entryCount: number;
  readonly entryInode: Uint32Array;
  /** 1 to 255 bytes each, without `/` and NUL; never `.` or `..`. */
  readonly entryName: ByteStrings;
  /** Extended attributes left out, in inode order: the first {@link maxXattrWarnings}. */
  readonly warnings: readonly XattrWarning[];
  /** How many were left out. */
  readonly droppedXattrs: number;
}

/** The path of an inode by its first name, for people: bytes that are not UTF-8 are replaced. The root is `/`. */
export function pathOf(tree: Pick<MergedTree, "parent" | "nameEntry" | "entryName">, inode: number): string {
  const names: string[] = [];
  for (let at = inode; at !== 0; at = tree.parent[at] ?? 0) {
    names.push(Buffer.from(byteString(tree.entryName, tree.nameEntry[at] ?? 0)).toString("utf8"));
  }
  return `/${names.reverse().join("/")}`;
}
