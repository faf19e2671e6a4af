import { regionAlignmentBlocks } from "../blocks.js";

/** Where blobs lie on the disk, in the order they are placed: each on the next free multiple of 1 GiB. docs/format.md §5 */
export class DiskRegions {
  readonly #starts = new Map<string, number>();
  #nextBlock = 0;
  #diskBlocks = 0;

  /** Where the last region that is not empty ends. Blocks. */
  get diskBlocks(): number {
    return this.#diskBlocks;
  }

  has(blob: string): boolean {
    return this.#starts.has(blob);
  }

  /** @returns the first block of the region; a blob that was placed before stays where it is, an empty one takes no room */
  place(blob: string, blocks: number): number {
    const known = this.#starts.get(blob);
    if (known !== undefined) return known;
    const start = this.#nextBlock;
    this.#starts.set(blob, start);
    if (blocks === 0) return start;
    this.#diskBlocks = start + blocks;
    this.#nextBlock = Math.ceil(this.#diskBlocks / regionAlignmentBlocks) * regionAlignmentBlocks;
    return start;
  }
}
