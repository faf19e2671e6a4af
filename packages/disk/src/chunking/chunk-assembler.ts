import { blockSizeBytes, maxChunkBlocks } from "../blocks.js";
import { ChunkCutter } from "./chunk-cutter.js";
import { minZeroRunBlocks } from "./cut-rule.js";

/** A chunk with its bytes, in memory of its own that may be transferred to another thread; a zero chunk has none. */
export interface CutChunk {
  readonly blocks: number;
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
}

/** Collects blocks and gives them back as chunks. Holds at most one chunk, one zero run and what was pushed last. */
export class ChunkAssembler {
  readonly #cutter: ChunkCutter = new ChunkCutter((blocks, zero) => this.#take(blocks, zero));
  /** Blocks that are not yet in a chunk, from the start. */
  #pending: Uint8Array<ArrayBuffer> = new Uint8Array((maxChunkBlocks + minZeroRunBlocks) * 2 * blockSizeBytes);
  #start = 0;
  #end = 0;
  /** Zero blocks of the open run that are counted and no longer held. */
  #dropped = 0;
  #ready: CutChunk[] = [];

  startFile(blocks: number): void {
    this.#cutter.startFile(blocks);
  }

  /** @returns the chunks that are complete now. @throws {RangeError} as {@link ChunkCutter.push} */
  push(blocks: Uint8Array): CutChunk[] {
    for (let at = 0; at < blocks.length; at += maxChunkBlocks * blockSizeBytes) {
      const part = blocks.subarray(at, at + maxChunkBlocks * blockSizeBytes);
      this.#append(part);
      this.#cutter.push(part);
      this.#dropZeros();
    }
    return this.#takeReady();
  }

  finish(): CutChunk[] {
    this.#cutter.finish();
    return this.#takeReady();
  }

  #takeReady(): CutChunk[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  #append(part: Uint8Array): void {
    if (this.#end + part.length > this.#pending.length) this.#makeRoom(part.length);
    this.#pending.set(part, this.#end);
    this.#end += part.length;
  }

  #dropZeros(): void {
    const zeros = this.#cutter.openZeroRunBlocks;
    if (zeros === 0) return;
    this.#end -= (zeros - this.#dropped) * blockSizeBytes;
    this.#dropped = zeros;
  }

  #makeRoom(bytes: number): void {
    const held = this.#end - this.#start;
    const target = held + bytes <= this.#pending.length ? this.#pending : new Uint8Array((held + bytes) * 2);
    target.set(this.#pending.subarray(this.#start, this.#end));
    this.#pending = target;
    this.#start = 0;
    this.#end = held;
  }

  #take(blocks: number, zero: boolean): void {
    if (zero) {
      this.#start += (blocks - this.#dropped) * blockSizeBytes;
      this.#dropped = 0;
      this.#ready.push({ blocks, bytes: undefined });
      return;
    }
    const end = this.#start + blocks * blockSizeBytes;
    this.#ready.push({ blocks, bytes: this.#pending.slice(this.#start, end) });
    this.#start = end;
  }
}
