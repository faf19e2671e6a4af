import { blockSizeBytes } from "../blocks.js";
import { byteString } from "../byte-strings.js";
import { entryType } from "../layer/layer-index.js";
import { iterateXattrs } from "../layer/xattr-list.js";
import type { MergedTree } from "../merge/merged-tree.js";
import { BlockAllocator } from "./block-allocator.js";
import { type DataBlocks, DataBlocksBuilder } from "./data-blocks.js";
import { DirectoryEntries } from "./directory-entries.js";
import { dataLayout, extendedInodeBytes, superblockBytes, superblockOffset } from "./on-disk.js";
import { directoriesPerSegment, SegmentRule } from "./segment-rule.js";
import { xattrEntryBytes, xattrHeaderBytes } from "./xattr-size.js";

/** Where everything lies in the metadata region. It does not depend on where the data of the files will be. */
export interface ErofsPlan {
  readonly tree: MergedTree;
  /** Length of the metadata region. Blocks. */
  readonly blocks: number;
  /** Node number of each inode: its place in units of 32 bytes. */
  readonly slot: Uint32Array;
  /** A `dataLayout` for each inode. */
  readonly layout: Uint8Array;
  /** `i_size`. Bytes. */
  readonly sizeBytes: Float64Array;
  /** Header and entries of the extended attributes behind the inode; 0 if there are none. Bytes. */
  readonly xattrBytes: Uint32Array;
  /** Directories and symlinks: first block of the data that are not behind the inode; else 0. */
  readonly dataBlock: Uint32Array;
  /** Directories with a tail behind the inode: position of the tail's first entry. */
  readonly tailStart: Uint32Array;
  /** The whole blocks, in disk order. */
  readonly dataBlocks: DataBlocks;
}

/** What lies behind an inode, be it xattrs, a symlink's target or the tail of a directory. Bytes. */
export const itemBytes = (plan: Pick<ErofsPlan, "layout" | "sizeBytes" | "xattrBytes">, inode: number): number =>
  extendedInodeBytes +
  (plan.xattrBytes[inode] ?? 0) +
  (plan.layout[inode] === dataLayout.inline ? (plan.sizeBytes[inode] ?? 0) % blockSizeBytes : 0);

/** Other choices than ours, for measuring what ours is worth: test/bench/metadata-layout.ts */
export interface PlanOptions {
  /** Depth first when left out. */
  readonly order?: "depth-first" | "breadth-first";
  /** Longest tail of a directory that lies behind its inode. Bytes. As long as fits when left out. */
  readonly maxTailBytes?: number;
  /** Directories in a segment on average, 0 for no segments; see {@link SegmentRule}. */
  readonly directoriesPerSegment?: number;
}

/**
 * Lays out the metadata of `tree`: linear, deterministic. Depth first by directory: the blocks of a directory, the inodes of all
 * its names in order, then its subdirectories one after the other. The inode of a directory that starts a segment lies at the segment's start, so that
 * what its subdirectories call `..` stays where it is. docs/adr/0004-metadata-layout.md
 */
export function planErofs(tree: MergedTree, options?: PlanOptions): ErofsPlan {
  return new Planner(tree, options ?? {}).plan();
}

class Planner {
  readonly #tree: MergedTree;
  readonly #isBreadthFirst: boolean;
  readonly #maxTailBytes: number;
  readonly #segments: SegmentRule;
  readonly #allocator = new BlockAllocator(superblockOffset + superblockBytes);
  readonly #entries: DirectoryEntries;
  readonly #dataBlocks = new DataBlocksBuilder();
  readonly #slot: Uint32Array;
  readonly #layout: Uint8Array;
  readonly #sizeBytes: Float64Array;
  readonly #xattrBytes: Uint32Array;
  readonly #dataBlock: Uint32Array;
  readonly #tailStart: Uint32Array;

  constructor(tree: MergedTree, options: PlanOptions) {
    this.#tree = tree;
    this.#isBreadthFirst = options.order === "breadth-first";
    this.#maxTailBytes = options.maxTailBytes ?? blockSizeBytes;
    this.#segments = new SegmentRule(tree, options.directoriesPerSegment ?? directoriesPerSegment);
    this.#entries = new DirectoryEntries(tree);
    this.#slot = new Uint32Array(tree.inodeCount);
    this.#layout = new Uint8Array(tree.inodeCount);
    this.#sizeBytes = tree.sizeBytes.slice();
    this.#xattrBytes = new Uint32Array(tree.inodeCount);
    this.#dataBlock = new Uint32Array(tree.inodeCount);
    this.#tailStart = new Uint32Array(tree.inodeCount);
  }

  plan(): ErofsPlan {
    const waiting = [0];
    this.#placeInode(0);
    if (this.#isBreadthFirst) {
      for (const directory of waiting) this.#placeDirectory(directory, waiting);
    } else {
      for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
        this.#placeDirectory(directory, waiting);
      }
    }
    return {
      tree: this.#tree,
      blocks: this.#allocator.blocks,
      slot: this.#slot,
      layout: this.#layout,
      sizeBytes: this.#sizeBytes,
      xattrBytes: this.#xattrBytes,
      dataBlock: this.#dataBlock,
      tailStart: this.#tailStart,
      dataBlocks: this.#dataBlocks.done(),
    };
  }

  /** The blocks of a directory, then the inodes of its names. Its subdirectories go on `waiting`, the first one last. */
  #placeDirectory(directory: number, waiting: number[]): void {
    const { firstEntry, entryInode, type } = this.#tree;
    if (this.#segments.startsAt(directory)) {
      this.#allocator.startSegment();
      this.#placeInode(directory);
    }
    this.#placeWholeBlocks(directory);
    const first = firstEntry[directory] ?? 0;
    const end = firstEntry[directory + 1] ?? 0;
    for (let entry = first; entry < end; entry++) {
      const inode = entryInode[entry] ?? 0;
      if (this.#slot[inode] === 0 && !this.#segments.startsAt(inode)) this.#placeInode(inode);
    }
    for (let entry = end - 1; entry >= first; entry--) {
      const inode = entryInode[entry] ?? 0;
      if (type[inode] === entryType.directory) waiting.push(inode);
    }
  }

  #placeInode(inode: number): void {
    this.#xattrBytes[inode] = this.#sizeOfXattrs(inode);
    const type = this.#tree.type[inode];
    if (type === entryType.directory) this.#measureDirectory(inode);
    else if (type === entryType.symlink) this.#placeSymlink(inode);
    this.#slot[inode] = this.#allocator.item(this.#itemBytes(inode));
  }

  #placeSymlink(inode: number): void {
    const targetBytes = this.#sizeBytes[inode] ?? 0;
    if (this.#fitsBehind(inode, targetBytes)) {
      this.#layout[inode] = dataLayout.inline;
      return;
    }
    const block = this.#allocator.wholeBlocks(1); // a target is shorter than a block
    this.#dataBlock[inode] = block;
    this.#dataBlocks.add(block, inode, 0);
  }

  #measureDirectory(directory: number): void {
    const entries = this.#entries;
    entries.open(directory);
    let start = 0;
    let size = 0;
    for (let end = entries.blockEnd(0); end < entries.count; end = entries.blockEnd(end)) {
      start = end;
      size += blockSizeBytes;
    }
    const tailBytes = entries.bytesOf(start, entries.count);
    this.#sizeBytes[directory] = size + tailBytes;
    this.#tailStart[directory] = start;
    if (tailBytes <= this.#maxTailBytes && this.#fitsBehind(directory, tailBytes))
      this.#layout[directory] = dataLayout.inline;
  }

  /** An inline tail must end in the block that its inode starts in: older kernels look for it nowhere else. */
  #fitsBehind(inode: number, tailBytes: number): boolean {
    const bytes = extendedInodeBytes + (this.#xattrBytes[inode] ?? 0) + tailBytes;
    return tailBytes < blockSizeBytes && bytes <= blockSizeBytes;
  }

  #placeWholeBlocks(directory: number): void {
    const size = this.#sizeBytes[directory] ?? 0;
    const count =
      this.#layout[directory] === dataLayout.inline
        ? Math.floor(size / blockSizeBytes)
        : Math.ceil(size / blockSizeBytes);
    if (count === 0) return;
    const first = this.#allocator.wholeBlocks(count);
    this.#dataBlock[directory] = first;
    this.#entries.open(directory);
    let start = 0;
    for (let i = 0; i < count; i++) {
      this.#dataBlocks.add(first + i, directory, start);
      start = this.#entries.blockEnd(start);
    }
  }

  #sizeOfXattrs(inode: number): number {
    const list = byteString(this.#tree.xattrs, inode);
    if (list.length === 0) return 0;
    let bytes = xattrHeaderBytes;
    for (const xattr of iterateXattrs(list)) bytes += xattrEntryBytes(xattr);
    return bytes;
  }

  #itemBytes(inode: number): number {
    return itemBytes({ layout: this.#layout, sizeBytes: this.#sizeBytes, xattrBytes: this.#xattrBytes }, inode);
  }
}
