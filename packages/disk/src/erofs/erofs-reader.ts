import type { AbortOptions } from "@sluice/oci/content";
import { blockSizeBytes } from "../blocks.js";
import { InvalidFormatError } from "../invalid-format-error.js";
import type { Xattr } from "../layer/xattr-list.js";
import { DirectoryBlock, type ErofsDirent } from "./directory-block.js";
import { type DataExtent, dataExtents, type ErofsInode, readInode } from "./erofs-inode.js";
import { MetadataBlocks, type ReadDisk } from "./metadata-blocks.js";
import { direntBytes, modeType } from "./on-disk.js";
import { readSuperblock, type Superblock } from "./read-superblock.js";
import { readXattrs } from "./read-xattrs.js";

/** An entry of a directory, and where to go on behind it. */
export interface ErofsDirectoryEntry extends ErofsDirent {
  /** For {@link ReadDirectoryOptions.from}. */
  readonly next: number;
}

export interface ReadDirectoryOptions extends AbortOptions {
  /** 0, or the `next` of an entry that was read before: goes on behind it. */
  readonly from?: number | undefined;
}

const maxTargetBytes = 4095;
const part = "EROFS";

/**
 * Reads an EROFS disk: every uncompressed one of 4 KiB blocks, ours and those of mkfs.erofs. The disk may be hostile: whatever it
 * says is checked before it is used, and every call ends after a bounded number of reads. What a reader does not see is whether
 * directories form a cycle: whoever walks the whole tree uses {@link walkErofs}.
 *
 * Methods reject with {@link InvalidFormatError} for a broken disk, with what `readDisk` rejects with, and with the signal's reason.
 */
export class ErofsReader {
  readonly superblock: Superblock;
  readonly #blocks: MetadataBlocks;

  private constructor(superblock: Superblock, blocks: MetadataBlocks) {
    this.superblock = superblock;
    this.#blocks = blocks;
  }

  static async open(readDisk: ReadDisk, options?: AbortOptions): Promise<ErofsReader> {
    const superblock = readSuperblock(
      await new MetadataBlocks(readDisk, 1).read(0, blockSizeBytes, "superblock", options),
    );
    return new ErofsReader(superblock, new MetadataBlocks(readDisk, superblock.diskBlocks));
  }

  /** The inode of a node number: the superblock's root, or one from a directory. */
  inode(nid: number, options?: AbortOptions): Promise<ErofsInode> {
    return readInode(this.#blocks, this.superblock, nid, options);
  }

  /** The entry of that name in a directory, or undefined. Binary search. */
  async lookup(directory: ErofsInode, name: Uint8Array, options?: AbortOptions): Promise<ErofsDirent | undefined> {
    const extents = this.#directoryExtents(directory);
    let low = 0;
    let high = Math.ceil(directory.sizeBytes / blockSizeBytes) - 1;
    let candidate: DirectoryBlock | undefined;
    while (low <= high) {
      const middle = Math.floor((low + high) / 2);
      const block = await this.#directoryBlock(directory, extents, middle, options);
      const order = Buffer.compare(name, block.name(0));
      if (order === 0) return block.dirent(0);
      if (order > 0) {
        candidate = block;
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return candidate?.find(name);
  }

  /** The inode at a path of names, from the root; undefined if it is not there. Symlinks are not followed. */
  async resolve(names: Iterable<Uint8Array>, options?: AbortOptions): Promise<ErofsInode | undefined> {
    let inode = await this.inode(this.superblock.rootNid, options);
    for (const name of names) {
      if ((inode.mode & modeType.mask) !== modeType.directory) return undefined;
      const dirent = await this.lookup(inode, name, options);
      if (dirent === undefined) return undefined;
      inode = await this.inode(dirent.nid, options);
    }
    return inode;
  }

  /** The entries in disk order, `.` and `..` among them. */
  async *readDirectory(directory: ErofsInode, options?: ReadDirectoryOptions): AsyncGenerator<ErofsDirectoryEntry> {
    const extents = this.#directoryExtents(directory);
    const from = options?.from ?? 0;
    let first = Math.ceil((from % blockSizeBytes) / direntBytes);
    for (let block = Math.floor(from / blockSizeBytes); block * blockSizeBytes < directory.sizeBytes; block++) {
      const entries = await this.#directoryBlock(directory, extents, block, options);
      for (let i = first; i < entries.count; i++) {
        yield { ...entries.dirent(i), next: positionBehind(block, i, entries.count) };
      }
      first = 0;
    }
  }

  async readLink(inode: ErofsInode, options?: AbortOptions): Promise<Uint8Array> {
    const isLink = (inode.mode & modeType.mask) === modeType.symlink;
    if (!isLink || inode.sizeBytes < 1 || inode.sizeBytes > maxTargetBytes) {
      const found = `mode 0o${inode.mode.toString(8)}, ${inode.sizeBytes} bytes`;
      throw new InvalidFormatError(part, `node ${inode.nid}`, `a symlink of 1 to ${maxTargetBytes} bytes`, found);
    }
    const [extent] = dataExtents(this.#blocks, inode); // a target is shorter than a block: one extent
    if (extent === undefined) return new Uint8Array();
    return this.#blocks.read(extent.diskOffset, extent.lengthBytes, `node ${inode.nid}, target`, options);
  }

  xattrs(inode: ErofsInode, options?: AbortOptions): Promise<Xattr[]> {
    return readXattrs(this.#blocks, this.superblock, inode, options);
  }

  async xattr(inode: ErofsInode, name: Uint8Array, options?: AbortOptions): Promise<Uint8Array | undefined> {
    const xattrs = await this.xattrs(inode, options);
    return xattrs.find((xattr) => Buffer.compare(xattr.name, name) === 0)?.value;
  }

  /** Where on the disk the content of a regular file lies; see {@link dataExtents}. */
  fileExtents(inode: ErofsInode): DataExtent[] {
    if ((inode.mode & modeType.mask) !== modeType.file) {
      throw new InvalidFormatError(part, `node ${inode.nid}`, "a regular file", `mode 0o${inode.mode.toString(8)}`);
    }
    return dataExtents(this.#blocks, inode);
  }

  #directoryExtents(directory: ErofsInode): DataExtent[] {
    if ((directory.mode & modeType.mask) !== modeType.directory) {
      throw new InvalidFormatError(
        part,
        `node ${directory.nid}`,
        "a directory",
        `mode 0o${directory.mode.toString(8)}`,
      );
    }
    return dataExtents(this.#blocks, directory);
  }

  async #directoryBlock(
    directory: ErofsInode,
    extents: readonly DataExtent[],
    block: number,
    options?: AbortOptions,
  ): Promise<DirectoryBlock> {
    const place = `node ${directory.nid}, block ${block}`;
    const start = block * blockSizeBytes;
    const lengthBytes = Math.min(blockSizeBytes, directory.sizeBytes - start);
    const extent = extents.find((each) => start >= each.fileOffset && start < each.fileOffset + each.lengthBytes);
    if (extent === undefined) throw new InvalidFormatError(part, place, "data", "none");
    const at = extent.diskOffset + start - extent.fileOffset;
    return new DirectoryBlock(await this.#blocks.read(at, lengthBytes, place, options), place);
  }
}

/** As the kernel counts: the dirent behind this one, or the next block. */
const positionBehind = (block: number, entry: number, count: number): number =>
  entry + 1 === count ? (block + 1) * blockSizeBytes : block * blockSizeBytes + (entry + 1) * direntBytes;
