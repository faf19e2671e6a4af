import { blockSizeBytes, blocksOf, type DiskRun, entryType } from "@sluice/disk";
import { LimitReached, limits, maxStartupBytes } from "./limits.js";
import type { PredictableImage } from "./predictable-image.js";

/** The blocks that a start is expected to read, in the order in which they were added, each once. Content of files only. */
export class StartupSet {
  readonly #image: Pick<PredictableImage, "tree" | "layerStartBlocks">;
  readonly #taken = new Set<number>();
  readonly #whole = new Set<number>();
  readonly #runs: { startBlock: number; blocks: number; layer: number }[] = [];
  #visited = 0;

  constructor(image: Pick<PredictableImage, "tree" | "layerStartBlocks">) {
    this.#image = image;
  }

  get runs(): readonly DiskRun[] {
    return this.#runs.map(({ startBlock, blocks }) => ({ startBlock, blocks }));
  }

  addFile(inode: number): void {
    if (this.#whole.has(inode)) return;
    this.#whole.add(inode);
    this.addRange(inode, 0, Number.POSITIVE_INFINITY);
  }

  /** The blocks that hold bytes `[start, end)` of a file, as far as it has them; nothing for what is no file. @throws {LimitReached} */
  addRange(inode: number, start: number, end: number): void {
    this.#visit();
    const { tree, layerStartBlocks } = this.#image;
    const layer = tree.layer[inode] ?? -1;
    const layerStart = layerStartBlocks[layer];
    if (tree.type[inode] !== entryType.file || layerStart === undefined || !(start < end)) return;
    const endBlock = blocksOf(Math.min(end, tree.sizeBytes[inode] ?? 0));
    const fileStart = layerStart + (tree.startBlock[inode] ?? 0);
    for (let block = Math.floor(Math.max(start, 0) / blockSizeBytes); block < endBlock; block++) {
      this.#visit();
      this.#addBlock(fileStart + block, layer);
    }
  }

  /** Blocks that are there already cost time as well. */
  #visit(): void {
    if (++this.#visited > limits.visitedBlocks) throw new LimitReached("enough blocks are visited");
  }

  #addBlock(block: number, layer: number): void {
    if (this.#taken.has(block)) return;
    if (this.#taken.size * blockSizeBytes >= maxStartupBytes) throw new LimitReached("enough is predicted");
    this.#taken.add(block);
    const last = this.#runs.at(-1);
    if (last !== undefined && last.layer === layer && last.startBlock + last.blocks === block) last.blocks++;
    else this.#runs.push({ startBlock: block, blocks: 1, layer });
  }
}
