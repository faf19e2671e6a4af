import { crc32 } from "node:zlib";
import { blockSizeBytes, growingUint8, growingUint32 } from "@sluice/disk";
import { FileWriter } from "./file-writer.js";
import type { NamedFile } from "./temporary-file.js";

const zeroBlock = Buffer.alloc(blockSizeBytes);
const zeroBlockCrc = crc32(zeroBlock);

/** A CRC-32 for each block of the spool, and whether the block is all zeros. */
export interface BlockHashes {
  crc(block: number): number;
  isZero(block: number): boolean;
}

/**
 * The contents of a layer's files in tar order, in a temporary file, each run of bytes starting on a block. Every block is hashed
 * on its way to the file, because the cut points and the search for equal files need it, and reading again costs more than 5 bytes a block.
 */
export class ContentSpool implements BlockHashes {
  readonly #file: NamedFile;
  readonly #writer: FileWriter;
  readonly #crc = growingUint32();
  readonly #zero = growingUint8();
  /** The blocks of each of the writer's few buffers, so that hashing makes no objects. */
  readonly #views = new WeakMap<Buffer, readonly Buffer[]>();

  constructor(file: NamedFile) {
    this.#file = file;
    this.#writer = new FileWriter(file.handle, file.path, (buffer, bytes) => this.#hash(buffer, bytes));
  }

  get descriptor(): number {
    return this.#file.handle.fd;
  }

  /** Whole blocks so far: where the next run starts. */
  get blocks(): number {
    return Math.floor(this.#writer.sizeBytes / blockSizeBytes);
  }

  /** Of a block that was flushed. */
  crc(block: number): number {
    return this.#crc.at(block);
  }

  isZero(block: number): boolean {
    return this.#zero.at(block) === 1;
  }

  append(bytes: Uint8Array): void {
    this.#writer.append(bytes);
  }

  /** Zeros up to `position` in the block under way, or to its end. */
  padTo(position: number = blockSizeBytes): void {
    const used = this.#writer.sizeBytes % blockSizeBytes;
    if (used === 0 && position === blockSizeBytes) return;
    this.#writer.appendZeros(position - used);
  }

  /** See {@link FileWriter.settle}. */
  settle(): Promise<void> {
    return this.#writer.settle();
  }

  /** The last block must be whole. */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  #hash(buffer: Buffer, bytes: number): void {
    const blocks = this.#viewsOf(buffer);
    for (let i = 0; i * blockSizeBytes < bytes; i++) {
      const block = blocks[i] ?? zeroBlock;
      const crc = crc32(block);
      this.#crc.push(crc);
      this.#zero.push(crc === zeroBlockCrc && Buffer.compare(block, zeroBlock) === 0 ? 1 : 0);
    }
  }

  #viewsOf(buffer: Buffer): readonly Buffer[] {
    let views = this.#views.get(buffer);
    if (views === undefined) {
      views = Array.from({ length: buffer.length / blockSizeBytes }, (_, i) =>
        buffer.subarray(i * blockSizeBytes, (i + 1) * blockSizeBytes),
      );
      this.#views.set(buffer, views);
    }
    return views;
  }
}
