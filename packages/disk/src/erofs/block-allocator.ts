import { blockSizeBytes } from "../blocks.js";
import { metadataChunkBlocks } from "../chunking/cut-rule.js";
import { slotBytes } from "./on-disk.js";

const slotsPerBlock = blockSizeBytes / slotBytes;

/**
 * Hands out the metadata region from its start: slots for inodes with what lies behind them, and whole blocks. An item of at most
 * a block never crosses a block boundary. Two blocks stay open, so that small inodes fill what a larger one left.
 */
export class BlockAllocator {
  /** Blocks handed out so far, whole or in part. */
  blocks = 1;
  #older: OpenBlock = { nextSlot: 0, freeSlots: 0 };
  #newer: OpenBlock;

  /** @param reservedBytes at the start of the first block: the superblock and what is before it */
  constructor(reservedBytes: number) {
    const slots = Math.ceil(reservedBytes / slotBytes);
    this.#newer = { nextSlot: slots, freeSlots: slotsPerBlock - slots };
  }

  /** The slot (node number) for an inode and what lies behind it. */
  item(bytes: number): number {
    const slots = Math.ceil(bytes / slotBytes);
    const open = [this.#older, this.#newer].find(({ freeSlots }) => slots <= freeSlots) ?? this.#openFor(slots);
    const slot = open.nextSlot;
    open.nextSlot += slots;
    open.freeSlots -= slots;
    return slot;
  }

  /** The first of `count` whole blocks that follow one another. */
  wholeBlocks(count: number): number {
    const first = this.blocks;
    this.blocks += count;
    return first;
  }

  /** Leaves what is open, and the blocks up to the next multiple of {@link metadataChunkBlocks}, as zeros. */
  startSegment(): void {
    this.blocks = Math.ceil(this.blocks / metadataChunkBlocks) * metadataChunkBlocks;
    this.#older = { nextSlot: 0, freeSlots: 0 };
    this.#newer = { nextSlot: 0, freeSlots: 0 };
  }

  #openFor(slots: number): OpenBlock {
    const blocks = Math.ceil(slots / slotsPerBlock);
    const opened = { nextSlot: this.wholeBlocks(blocks) * slotsPerBlock, freeSlots: blocks * slotsPerBlock };
    if (this.#newer.freeSlots > this.#older.freeSlots) this.#older = this.#newer;
    this.#newer = opened;
    return opened;
  }
}

interface OpenBlock {
  nextSlot: number;
  freeSlots: number;
}
