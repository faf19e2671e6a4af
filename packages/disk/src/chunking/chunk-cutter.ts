import { crc32 } from "node:zlib";
import { blockSizeBytes, maxChunkBlocks } from "../blocks.js";
import { cutThreshold, largeFileBlocks, minCutBlocks, minZeroRunBlocks } from "./cut-rule.js";

/** Receives the chunks in order: how many blocks the next one has, and whether all of them are zero. */
export type ChunkSink = (blocks: number, zero: boolean) => void;

const zeroBlock = new Uint8Array(blockSizeBytes);
const zeroBlockCrc = crc32(zeroBlock);

/**
 * Decides where chunks end, from the blocks alone, by the rule of docs/format.md §1.1. However the blocks are split between calls of
 * {@link push}, the chunks are the same. A chunk is reported
 * at most {@link minZeroRunBlocks} blocks after its end, a zero chunk with its end.
 *
 * Use: for each file `startFile(blocks)`, then `push` its blocks; at last `finish`.
 */
export class ChunkCutter {
  readonly #sink: ChunkSink;
  /** Blocks since the last cut, the open zero run left out. */
  #chunk = 0;
  /** Zero blocks at the end that are not yet in a chunk. */
  #zeros = 0;
  /** Blocks still to come of the current file. */
  #fileLeft = 0;
  #inLargeFile = false;
  /** A small file holds a cut point: the chunk ends with the file. */
  #cutAtFileEnd = false;

  constructor(sink: ChunkSink) {
    this.#sink = sink;
  }

  /** The next `blocks` blocks are one file's. @throws {RangeError} if the file before is not complete */
  startFile(blocks: number): void {
    if (this.#fileLeft > 0) throw new RangeError(`${this.#fileLeft} blocks of the last file are missing`);
    this.#fileLeft = blocks;
    this.#inLargeFile = blocks >= largeFileBlocks;
    if (this.#inLargeFile || this.#chunk + blocks > maxChunkBlocks) this.#cut();
  }

  /** Blocks of the open zero run, when it is long enough to become a zero chunk; else 0. */
  get openZeroRunBlocks(): number {
    return this.#zeros < minZeroRunBlocks ? 0 : this.#zeros;
  }

  /** Whole blocks of the current file, any number of them. @throws {RangeError} for parts of a block and for more than the file has */
  push(blocks: Uint8Array): void {
    if (blocks.length % blockSizeBytes !== 0 || blocks.length / blockSizeBytes > this.#fileLeft) {
      throw new RangeError(`${blocks.length} bytes: whole blocks, at most ${this.#fileLeft}, are wanted`);
    }
    for (let at = 0; at < blocks.length; at += blockSizeBytes) {
      const block = blocks.subarray(at, at + blockSizeBytes);
      const crc = crc32(block);
      if (crc === zeroBlockCrc && Buffer.compare(block, zeroBlock) === 0) this.#addZeros(1);
      else this.#dataBlock(crc);
      this.#fileLeft--;
    }
    if (this.#fileLeft === 0) this.#endFile();
  }

  /**
   * The next block of the current file, by what was kept of it: its CRC-32, and whether it is all zeros.
   *
   * @throws {RangeError} for more than the file has
   */
  pushHashed(crc: number, zero: boolean): void {
    this.#requireRoom(1);
    if (zero) this.#addZeros(1);
    else this.#dataBlock(crc);
    this.#fileLeft--;
    if (this.#fileLeft === 0) this.#endFile();
  }

  /** A hole in the current file. Blocks, any number of them. @throws {RangeError} for more than the file has */
  pushHole(blocks: number): void {
    if (blocks === 0) return;
    this.#requireRoom(blocks);
    this.#addZeros(blocks);
    this.#fileLeft -= blocks;
    if (this.#fileLeft === 0) this.#endFile();
  }

  /** Reports the last chunk. @throws {RangeError} if a file is not complete */
  finish(): void {
    if (this.#fileLeft > 0) throw new RangeError(`${this.#fileLeft} blocks of the last file are missing`);
    this.#cut();
  }

  #requireRoom(blocks: number): void {
    if (blocks > this.#fileLeft) throw new RangeError(`${blocks} blocks: at most ${this.#fileLeft} are wanted`);
  }

  #addZeros(blocks: number): void {
    const before = this.#zeros;
    this.#zeros += blocks;
    if (before < minZeroRunBlocks && this.#zeros >= minZeroRunBlocks) this.#cut();
  }

  #dataBlock(crc: number): void {
    this.#endZeroRun();
    this.#add();
    if (crc >= cutThreshold) return;
    if (!this.#inLargeFile) this.#cutAtFileEnd = true;
    else if (this.#chunk >= minCutBlocks) this.#cut();
  }

  #endFile(): void {
    this.#endZeroRun();
    if (this.#inLargeFile || (this.#cutAtFileEnd && this.#chunk >= minCutBlocks)) this.#cut();
    this.#cutAtFileEnd = false;
  }

  /** Short runs are data like any other. */
  #endZeroRun(): void {
    const zeros = this.#zeros;
    if (zeros === 0) return;
    this.#zeros = 0;
    if (zeros < minZeroRunBlocks) {
      for (let i = 0; i < zeros; i++) this.#add();
      return;
    }
    this.#sink(zeros, true);
  }

  #add(): void {
    this.#chunk++;
    if (this.#chunk === maxChunkBlocks) this.#cut();
  }

  #cut(): void {
    if (this.#chunk > 0) this.#sink(this.#chunk, false);
    this.#chunk = 0;
  }
}
