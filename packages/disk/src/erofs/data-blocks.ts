import { growingUint32 } from "../binary/growing-columns.js";

/** Whole blocks of directories and long symlinks, as columns in disk order. */
export interface DataBlocks {
  readonly block: Uint32Array;
  /** The inode that the block belongs to. */
  readonly inode: Uint32Array;
  /** Directories: position of the first entry in the block. */
  readonly start: Uint32Array;
}

/** Collects {@link DataBlocks}; they must be added in disk order. */
export class DataBlocksBuilder {
  readonly #block = growingUint32();
  readonly #inode = growingUint32();
  readonly #start = growingUint32();

  add(block: number, inode: number, start: number): void {
    this.#block.push(block);
    this.#inode.push(inode);
    this.#start.push(start);
  }

  done(): DataBlocks {
    return { block: this.#block.finish(), inode: this.#inode.finish(), start: this.#start.finish() };
  }
}
