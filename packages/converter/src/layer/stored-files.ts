import { blocksOf, growingFloat64, growingUint32 } from "@sluice/disk";
import type { BlockHashes } from "./content-spool.js";

/** A run of blocks of a sparse file that are in the spool; what lies between the runs are holes. */
export interface StoredRun {
  readonly fileBlock: number;
  readonly spoolBlock: number;
  readonly blocks: number;
}

/** For a file that no entry of the index names. */
export const noEntry = 0xffff_ffff;

/** The files of a layer that have content, in tar order, and where the spool has them. Columns; a file is known by its row. */
export class StoredFiles {
  readonly #entry = growingUint32();
  readonly #sizeBytes = growingFloat64();
  readonly #spoolBlock = growingUint32();
  readonly #sparse = new Map<number, readonly StoredRun[]>();

  get count(): number {
    return this.#entry.length;
  }

  /** @returns the row */
  add(entry: number, sizeBytes: number, spoolBlock: number): number {
    this.#entry.push(entry);
    this.#sizeBytes.push(sizeBytes);
    this.#spoolBlock.push(spoolBlock);
    return this.count - 1;
  }

  setSparse(file: number, runs: readonly StoredRun[]): void {
    this.#sparse.set(file, runs);
  }

  /** Row in the layer index, or {@link noEntry}. */
  entry(file: number): number {
    return this.#entry.at(file);
  }

  sizeBytes(file: number): number {
    return this.#sizeBytes.at(file);
  }

  /** Length in the data space, holes included. */
  blocks(file: number): number {
    return blocksOf(this.#sizeBytes.at(file));
  }

  isSparse(file: number): boolean {
    return this.#sparse.has(file);
  }

  /** Where its blocks lie in the spool, in file order. */
  runs(file: number): readonly StoredRun[] {
    const whole = { fileBlock: 0, spoolBlock: this.#spoolBlock.at(file), blocks: this.blocks(file) };
    return this.#sparse.get(file) ?? [whole];
  }

  /**
   * A number that equal files share and others hardly ever: 53 bits mixed from size and block hashes. Not for sparse files.
   */
  fingerprint(file: number, hashes: BlockHashes): number {
    const start = this.#spoolBlock.at(file);
    const blocks = this.blocks(file);
    const size = this.#sizeBytes.at(file);
    let high = Math.imul(size | 0, 0x9e37_79b1);
    let low = size | 0;
    for (let block = start; block < start + blocks; block++) {
      const crc = hashes.crc(block);
      high = Math.imul((high << 13) | (high >>> 19), 0x85eb_ca6b) ^ crc;
      low = (Math.imul(low, 31) + crc) | 0;
    }
    return (high >>> 0) * 2 ** 21 + (low >>> 11);
  }
}
