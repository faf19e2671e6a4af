import { viewOf } from "../binary/integers.js";
import { blockSizeBytes, blocksOf } from "../blocks.js";
import { byteString } from "../byte-strings.js";
import { entryType } from "../layer/layer-index.js";
import { noLayer } from "../merge/merged-tree.js";
import type { Canvas } from "./canvas.js";
import { DirectoryEntries } from "./directory-entries.js";
import { slotBytes } from "./on-disk.js";
import { type ErofsPlan, itemBytes } from "./plan-erofs.js";
import { type DiskAddresses, writeSuperblock } from "./superblock.js";
import { writeEntries } from "./write-entries.js";
import { ItemWriter } from "./write-item.js";

/** Longest piece that {@link writeErofs} yields. Blocks: 1 MiB */
const pieceBlocks = 256;

/** An item that started in one piece and goes on in the next. */
interface Rest {
  readonly bytes: Uint8Array;
  /** Where `bytes` starts on the disk. */
  readonly offset: number;
}

/**
 * The bytes of the metadata region in disk order, in pieces of whole blocks, at most 1 MiB each; they add up to `plan.blocks`.
 * The same plan and addresses give the same bytes.
 *
 * @throws {RangeError} before the first piece, if a file does not lie on the disk behind the metadata
 */
export function* writeErofs(plan: ErofsPlan, addresses: DiskAddresses): Generator<Uint8Array> {
  checkAddresses(plan, addresses);
  const writer = new PieceWriter(plan, addresses.layerStartBlocks);
  for (let first = 0; first < plan.blocks; first += pieceBlocks) {
    const piece = writer.next(first, Math.min(plan.blocks, first + pieceBlocks));
    if (first === 0) writeSuperblock(piece.subarray(0, blockSizeBytes), plan, addresses);
    yield piece;
  }
}

class PieceWriter {
  readonly #plan: ErofsPlan;
  readonly #inodes: Uint32Array;
  readonly #entries: DirectoryEntries;
  readonly #items: ItemWriter;
  #nextItem = 0;
  #nextDataBlock = 0;
  #rest: Rest | undefined;

  constructor(plan: ErofsPlan, layerStartBlocks: readonly number[]) {
    this.#plan = plan;
    this.#inodes = inodesInDiskOrder(plan);
    this.#entries = new DirectoryEntries(plan.tree);
    this.#items = new ItemWriter(plan, layerStartBlocks, this.#entries);
  }

  /** The blocks from `first` up to `end`; `first` is where the piece before ended. */
  next(first: number, end: number): Uint8Array {
    const bytes = new Uint8Array((end - first) * blockSizeBytes);
    const piece: Canvas = { bytes, view: viewOf(bytes) };
    const offset = first * blockSizeBytes;
    this.#rest = copyInto(bytes, offset, this.#rest);
    this.#writeItems(piece, offset);
    const { block } = this.#plan.dataBlocks;
    for (; (block[this.#nextDataBlock] ?? end) < end; this.#nextDataBlock++) {
      this.#writeDataBlock(piece, offset, this.#nextDataBlock);
    }
    return bytes;
  }

  #writeItems(piece: Canvas, offset: number): void {
    const plan = this.#plan;
    for (; this.#nextItem < this.#inodes.length; this.#nextItem++) {
      const inode = this.#inodes[this.#nextItem] ?? 0;
      const at = (plan.slot[inode] ?? 0) * slotBytes - offset;
      if (at >= piece.bytes.length) return;
      const size = itemBytes(plan, inode);
      if (at + size <= piece.bytes.length) {
        this.#items.write(piece, at, inode);
      } else {
        const item = new Uint8Array(size);
        this.#items.write({ bytes: item, view: viewOf(item) }, 0, inode);
        this.#rest = copyInto(piece.bytes, offset, { bytes: item, offset: at + offset });
      }
    }
  }

  #writeDataBlock(piece: Canvas, offset: number, row: number): void {
    const { tree, dataBlocks } = this.#plan;
    const inode = dataBlocks.inode[row] ?? 0;
    const at = (dataBlocks.block[row] ?? 0) * blockSizeBytes - offset;
    if (tree.type[inode] === entryType.symlink) {
      piece.bytes.set(byteString(tree.target, inode), at);
      return;
    }
    const entries = this.#entries;
    if (entries.directory !== inode || entries.count === 0) entries.open(inode);
    const start = dataBlocks.start[row] ?? 0;
    writeEntries(piece, at, this.#plan, entries, start, entries.blockEnd(start));
  }
}

/** Copies what of `rest` lies in the piece; gives it back if some lies behind. An item is shorter than a piece. */
function copyInto(piece: Uint8Array, offset: number, rest: Rest | undefined): Rest | undefined {
  if (rest === undefined) return undefined;
  const skipped = Math.max(0, offset - rest.offset);
  const at = Math.max(0, rest.offset - offset);
  const length = Math.min(rest.bytes.length - skipped, piece.length - at);
  piece.set(rest.bytes.subarray(skipped, skipped + length), at);
  return skipped + length < rest.bytes.length ? rest : undefined;
}

/** Sorted by the block they start in, which is all that writing in pieces needs; linear. */
function inodesInDiskOrder({ slot, blocks }: ErofsPlan): Uint32Array {
  const slotsPerBlock = blockSizeBytes / slotBytes;
  const next = new Uint32Array(blocks + 1);
  for (const at of slot) {
    const after = Math.floor(at / slotsPerBlock) + 1;
    next[after] = (next[after] ?? 0) + 1;
  }
  for (let block = 1; block <= blocks; block++) next[block] = (next[block] ?? 0) + (next[block - 1] ?? 0);
  const order = new Uint32Array(slot.length);
  slot.forEach((at, inode) => {
    const block = Math.floor(at / slotsPerBlock);
    const place = next[block] ?? 0;
    order[place] = inode;
    next[block] = place + 1;
  });
  return order;
}

function checkAddresses(plan: ErofsPlan, { layerStartBlocks, diskBlocks }: DiskAddresses): void {
  if (!(diskBlocks >= plan.blocks && diskBlocks <= 0xffff_ffff)) {
    throw new RangeError(`a disk of ${diskBlocks} blocks; the metadata take ${plan.blocks}, EROFS holds 2^32 - 1`);
  }
  const { tree } = plan;
  for (let inode = 0; inode < tree.inodeCount; inode++) {
    const blocks = blocksOf(tree.sizeBytes[inode] ?? 0);
    if (tree.type[inode] !== entryType.file || blocks === 0) continue;
    const layer = tree.layer[inode] ?? noLayer;
    const start = (layerStartBlocks[layer] ?? Number.NaN) + (tree.startBlock[inode] ?? 0);
    if (!(start >= plan.blocks && start + blocks <= diskBlocks)) {
      throw new RangeError(
        `a file of layer ${layer} at disk block ${start}, ${blocks} blocks; the disk has ${diskBlocks}`,
      );
    }
  }
}
