import type { AbortOptions } from "@sluice/oci/content";
import { blockSizeBytes } from "../blocks.js";
import { InvalidFormatError } from "../invalid-format-error.js";

/** Gives exactly `lengthBytes` bytes of the disk; both numbers are multiples of the block size. The bytes must not change later. */
export type ReadDisk = (offsetBytes: number, lengthBytes: number, options?: AbortOptions) => Promise<Uint8Array>;

/** Blocks kept: 4 MiB, the inodes of 65,536 files. */
const cachedBlocks = 1024;

/** Reads small runs of bytes, bounded by the disk, and keeps the blocks that were used last. */
export class MetadataBlocks {
  readonly #readDisk: ReadDisk;
  readonly #cache = new Map<number, Uint8Array>();
  /** Bytes. */
  readonly #diskBytes: number;

  constructor(readDisk: ReadDisk, diskBlocks: number) {
    this.#readDisk = readDisk;
    this.#diskBytes = diskBlocks * blockSizeBytes;
  }

  /**
   * The bytes from `offset`; do not write to them. `what` names them in errors.
   *
   * @throws {InvalidFormatError} unless they lie on the disk
   */
  async read(offset: number, lengthBytes: number, what: string, options?: AbortOptions): Promise<Uint8Array> {
    this.check(offset, lengthBytes, what);
    const first = Math.floor(offset / blockSizeBytes);
    const within = offset - first * blockSizeBytes;
    const block = await this.#block(first, options);
    if (within + lengthBytes <= blockSizeBytes) return block.subarray(within, within + lengthBytes);
    const bytes = new Uint8Array(lengthBytes);
    bytes.set(block.subarray(within));
    for (let at = blockSizeBytes - within, next = first + 1; at < lengthBytes; at += blockSizeBytes, next++) {
      bytes.set((await this.#block(next, options)).subarray(0, lengthBytes - at), at);
    }
    return bytes;
  }

  /** @throws {InvalidFormatError} unless the bytes lie on the disk */
  check(offset: number, lengthBytes: number, what: string): void {
    if (!(offset >= 0 && lengthBytes >= 0 && offset + lengthBytes <= this.#diskBytes)) {
      const found = `${lengthBytes} bytes at ${offset}`;
      throw new InvalidFormatError("EROFS", what, `bytes on the disk of ${this.#diskBytes} bytes`, found);
    }
  }

  async #block(block: number, options?: AbortOptions): Promise<Uint8Array> {
    const cached = this.#cache.get(block);
    if (cached !== undefined) {
      this.#cache.delete(block);
      this.#cache.set(block, cached); // now the youngest
      return cached;
    }
    const bytes = await this.#readDisk(block * blockSizeBytes, blockSizeBytes, options);
    if (bytes.length !== blockSizeBytes) {
      throw new InvalidFormatError("EROFS", `block ${block}`, `${blockSizeBytes} bytes`, bytes.length);
    }
    this.#cache.set(block, bytes);
    const eldest = this.#cache.keys().next().value;
    if (this.#cache.size > cachedBlocks && eldest !== undefined) this.#cache.delete(eldest);
    return bytes;
  }
}
