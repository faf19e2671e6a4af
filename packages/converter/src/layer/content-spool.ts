import { crc32 } from "node:zlib";
import { blockSizeBytes, growingUint8, growingUint32 } from "@sluice/disk";
import { FileWriter } from "./file-writer.js";
import type { TemporaryFile } from "./temporary-file.js";

const zeroBlock = Buffer.alloc(blockSizeBytes);
const zeroBlockCrc = crc32(zeroBlock);

/** A CRC-32 for each block of the spool, and whether the block is all zeros. */
export interface BlockHashes {
  crc(block: number): number;
  isZero(block: number): boolean;
}

/**
 * The contents of a layer's files in tar order, in a temporary file, each run of bytes starting on a block. Every block is hashed
 * as it passes, because the cut points and the search for equal files need it, and reading again costs more than 5 bytes a block.
 */
export class ContentSpool implements BlockHashes {
  readonly #file: TemporaryFile;
  readonly #writer: FileWriter;
  readonly #crc = growingUint32();
  readonly #zero = growingUint8();
  /** The block under way, when its bytes come in parts. */
  readonly #block: Buffer = Buffer.alloc(blockSizeBytes);
  #blockUsed = 0;

  constructor(file: TemporaryFile) {
    this.#file = file;
    this.#writer = new FileWriter(file.handle, file.path);
  }

  get descriptor(): number {
    return this.#file.handle.fd;
  }

  /** Whole blocks so far: where the next run starts. */
  get blocks(): number {
    return this.#crc.length;
  }

  crc(block: number): number {
    return this.#crc.at(block);
  }

  isZero(block: number): boolean {
    return this.#zero.at(block) === 1;
  }

  append(bytes: Uint8Array): void {
    this.#writer.append(bytes);
    let at = 0;
    if (this.#blockUsed > 0) {
      at = Math.min(bytes.length, blockSizeBytes - this.#blockUsed);
      this.#collect(bytes.subarray(0, at));
    }
    for (; at + blockSizeBytes <= bytes.length; at += blockSizeBytes) {
      this.#hash(bytes.subarray(at, at + blockSizeBytes));
    }
    if (at < bytes.length) this.#collect(bytes.subarray(at));
  }

  /** Zeros up to `position` in the block under way, or to its end. */
  padTo(position: number = blockSizeBytes): void {
    const count = position - this.#blockUsed;
    if (this.#blockUsed === 0 && position === blockSizeBytes) return;
    this.#writer.appendZeros(count);
    this.#collect(zeroBlock.subarray(0, count));
  }

  /** See {@link FileWriter.settle}. */
  settle(): Promise<void> {
    return this.#writer.settle();
  }

  flush(): Promise<void> {
    return this.#writer.flush();
  }

  #collect(part: Uint8Array): void {
    this.#block.set(part, this.#blockUsed);
    this.#blockUsed += part.length;
    if (this.#blockUsed < blockSizeBytes) return;
    this.#blockUsed = 0;
    this.#hash(this.#block);
  }

  #hash(block: Uint8Array): void {
    const crc = crc32(block);
    this.#crc.push(crc);
    this.#zero.push(crc === zeroBlockCrc && Buffer.compare(block, zeroBlock) === 0 ? 1 : 0);
  }
}
