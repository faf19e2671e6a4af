import { blockSizeBytes, chunkIndexAtBlock } from "@sluice/disk";
import type { AbortOptions } from "@sluice/oci";
import { contentOfChunk, type DiskBlobs, placeOfChunk, type ReadableToc } from "./disk-chunk.js";

/** Room for some sixty chunks: what reads jump between. Bytes. */
const defaultKeptBytes = 16 * 1024 * 1024;

/** An image's disk as its chunks give it, proven; what was read last is kept. */
export class DiskBlocks {
  readonly #toc: ReadableToc;
  readonly #blobs: DiskBlobs;
  readonly #options: AbortOptions | undefined;
  readonly #maxKeptBytes: number;
  /** By row, what was used last at the end. */
  readonly #kept = new Map<number, Uint8Array>();
  #keptBytes = 0;

  constructor(toc: ReadableToc, blobs: DiskBlobs, options?: AbortOptions, maxKeptBytes: number = defaultKeptBytes) {
    this.#toc = toc;
    this.#blobs = blobs;
    this.#options = options;
    this.#maxKeptBytes = maxKeptBytes;
  }

  /** Bytes from `offset` of the disk on; zeros where no chunk is. @throws {InvalidFormatError} {DigestMismatchError} */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const { chunks } = this.#toc;
    const into = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const block = Math.floor((offset + at) / blockSizeBytes);
      const row = chunkIndexAtBlock(chunks, block);
      const inBlock = (offset + at) % blockSizeBytes;
      if (row === -1) {
        at += blockSizeBytes - inBlock;
        continue;
      }
      const skip = (block - (chunks.startBlock[row] ?? 0)) * blockSizeBytes + inBlock;
      const taken = Math.min(length - at, (chunks.blocks[row] ?? 0) * blockSizeBytes - skip);
      const bytes = await this.#chunk(row);
      if (bytes !== undefined) into.set(bytes.subarray(skip, skip + taken), at);
      at += taken;
    }
    return into;
  }

  /** Undefined for a zero chunk. */
  async #chunk(row: number): Promise<Uint8Array | undefined> {
    if (this.#toc.chunks.compressedSize[row] === 0) return undefined;
    const kept = this.#kept.get(row);
    if (kept !== undefined) {
      this.#kept.delete(row);
      this.#kept.set(row, kept);
      return kept;
    }
    const { blob, range } = placeOfChunk(this.#toc, row, this.#blobs);
    const bytes = contentOfChunk(this.#toc, row, await blob.read(range, this.#options));
    this.#keep(row, bytes);
    return bytes;
  }

  #keep(row: number, bytes: Uint8Array): void {
    this.#kept.set(row, bytes);
    this.#keptBytes += bytes.length;
    for (const [oldest, { length }] of this.#kept) {
      if (this.#keptBytes <= this.#maxKeptBytes) return;
      this.#kept.delete(oldest);
      this.#keptBytes -= length;
    }
  }
}
