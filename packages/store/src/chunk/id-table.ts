import { getRandomValues } from "node:crypto";

/**
 * Finds the row of a 32-byte id in a column of ids. An open hash table with linear probing: 8 to 16 bytes a row, where a Map of strings would
 * take 150. Ids are claims of whoever wrote the disk, so the hash is seeded: ids chosen to collide do not.
 */
export class IdTable {
  readonly #column: Uint8Array;
  /** Row + 1, or 0. A power of two of them, at least twice the rows in use. */
  #buckets: Int32Array = new Int32Array(1024);
  #used = 0;
  readonly #seeds: Uint32Array = getRandomValues(new Uint32Array(8)).map((seed) => seed | 1);

  /** @param column 32 bytes a row; the rows in the table must not change */
  constructor(column: Uint8Array) {
    this.#column = column;
  }

  /** The row with the id at `at` in `ids`, or −1. */
  find(ids: Uint8Array, at: number): number {
    return (this.#buckets[this.#bucketOf(ids, at)] ?? 0) - 1;
  }

  /** The row's id must not be in the table yet. */
  add(row: number): void {
    if ((this.#used + 1) * 2 > this.#buckets.length) this.#grow();
    this.#buckets[this.#bucketOf(this.#column, row * 32)] = row + 1;
    this.#used++;
  }

  /** Empties the row's bucket and moves up the rows that had probed past it. */
  remove(row: number): void {
    const mask = this.#buckets.length - 1;
    let hole = this.#bucketOf(this.#column, row * 32);
    if (this.#buckets[hole] === 0) return;
    this.#buckets[hole] = 0;
    this.#used--;
    for (let bucket = (hole + 1) & mask; this.#buckets[bucket] !== 0; bucket = (bucket + 1) & mask) {
      const other = (this.#buckets[bucket] ?? 0) - 1;
      const home = this.#hash(this.#column, other * 32) & mask;
      if (((bucket - home) & mask) < ((bucket - hole) & mask)) continue;
      this.#buckets[hole] = other + 1;
      this.#buckets[bucket] = 0;
      hole = bucket;
    }
  }

  /** The bucket that holds the id, or the empty one where it belongs. */
  #bucketOf(ids: Uint8Array, at: number): number {
    const mask = this.#buckets.length - 1;
    for (let bucket = this.#hash(ids, at) & mask; ; bucket = (bucket + 1) & mask) {
      const row = (this.#buckets[bucket] ?? 0) - 1;
      if (row < 0 || this.#isId(row, ids, at)) return bucket;
    }
  }

  /** Multiply and add over the eight words, each with its own secret odd factor. */
  #hash(ids: Uint8Array, at: number): number {
    let hash = 0;
    for (let word = 0; word < 8; word++) {
      const from = at + word * 4;
      const value =
        (ids[from] ?? 0) | ((ids[from + 1] ?? 0) << 8) | ((ids[from + 2] ?? 0) << 16) | ((ids[from + 3] ?? 0) << 24);
      hash = (Math.imul(hash ^ value, this.#seeds[word] ?? 1) + (hash >>> 15)) | 0;
    }
    return hash ^ (hash >>> 13);
  }

  #isId(row: number, ids: Uint8Array, at: number): boolean {
    for (let i = 0; i < 32; i++) {
      if (this.#column[row * 32 + i] !== ids[at + i]) return false;
    }
    return true;
  }

  #grow(): void {
    const old = this.#buckets;
    this.#buckets = new Int32Array(old.length * 2);
    for (const entry of old) {
      if (entry !== 0) this.#buckets[this.#bucketOf(this.#column, (entry - 1) * 32)] = entry;
    }
  }
}
