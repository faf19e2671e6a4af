import { randomInt } from "node:crypto";
import { capacityFor, grown } from "./growing.js";

/** What an entry names when it was removed or is not set yet. */
export const noInode = -1;

/**
 * (directory inode, name) → inode, by hashing the bytes of the name; open addressing. An entry is never taken out, it is set
 * to {@link noInode}. Directories that are replaced get a new inode, so what was in them is no longer found.
 */
export class NameTable {
  count = 0;
  directory: Uint32Array = new Uint32Array(1024);
  inode: Int32Array = new Int32Array(1024);
  nameStart: Uint32Array = new Uint32Array(1024);
  nameLength: Uint8Array = new Uint8Array(1024);
  heap: Uint8Array = new Uint8Array(16_384);
  heapBytes = 0;
  /** Nobody who writes names knows it, so nobody can choose names that all fall into one slot. What is made of the table does not depend on it. */
  readonly #seed: number = randomInt(2 ** 32);
  #hash: Uint32Array = new Uint32Array(1024);
  /** Entry + 1; 0 is free. The length is a power of two and at least 4/3 of `count`. */
  #slots: Uint32Array = new Uint32Array(4096);

  /** The entry for `bytes[start..end)` in `directory`, or -1. */
  find(directory: number, bytes: Uint8Array, start: number, end: number): number {
    return (
      (this.#slots[this.#slotOf(hashOf(this.#seed, directory, bytes, start, end), directory, bytes, start, end)] ?? 0) -
      1
    );
  }

  /** As {@link find}, but a missing entry is added; it names {@link noInode}. */
  findOrAdd(directory: number, bytes: Uint8Array, start: number, end: number): number {
    const hash = hashOf(this.#seed, directory, bytes, start, end);
    const slot = this.#slotOf(hash, directory, bytes, start, end);
    const found = this.#slots[slot] ?? 0;
    if (found > 0) return found - 1;
    const entry = this.#append(hash, directory, bytes, start, end);
    this.#slots[slot] = this.count;
    if (this.count * 4 > this.#slots.length * 3) this.#rehash();
    return entry;
  }

  /** Where the entry is, or the free slot where it would be. */
  #slotOf(hash: number, directory: number, bytes: Uint8Array, start: number, end: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const entry = (this.#slots[slot] ?? 0) - 1;
      if (entry < 0) return slot;
      if (
        this.#hash[entry] === hash &&
        this.directory[entry] === directory &&
        this.#isNamed(entry, bytes, start, end)
      ) {
        return slot;
      }
      slot = (slot + 1) & mask;
    }
  }

  #isNamed(entry: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.nameLength[entry] !== end - start) return false;
    const shift = (this.nameStart[entry] ?? 0) - start;
    for (let i = start; i < end; i++) if (this.heap[i + shift] !== bytes[i]) return false;
    return true;
  }

  #append(hash: number, directory: number, bytes: Uint8Array, start: number, end: number): number {
    const entry = this.count++;
    if (this.count > this.inode.length) this.#growColumns(capacityFor(this.count, this.inode.length));
    const heapEnd = this.heapBytes + end - start;
    if (heapEnd > this.heap.length) this.heap = grown(this.heap, capacityFor(heapEnd, this.heap.length));
    for (let i = start; i < end; i++) this.heap[this.heapBytes + i - start] = bytes[i] ?? 0;
    this.directory[entry] = directory;
    this.inode[entry] = noInode;
    this.nameStart[entry] = this.heapBytes;
    this.nameLength[entry] = end - start;
    this.#hash[entry] = hash;
    this.heapBytes = heapEnd;
    return entry;
  }

  #growColumns(capacity: number): void {
    this.directory = grown(this.directory, capacity);
    this.inode = grown(this.inode, capacity);
    this.nameStart = grown(this.nameStart, capacity);
    this.nameLength = grown(this.nameLength, capacity);
    this.#hash = grown(this.#hash, capacity);
  }

  #rehash(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    const mask = this.#slots.length - 1;
    for (let entry = 0; entry < this.count; entry++) {
      let slot = (this.#hash[entry] ?? 0) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = entry + 1;
    }
  }
}

/** Multiply and fold of the name, started from seed and directory; the seed goes into every step, or equal prefixes would meet whatever it is. */
function hashOf(seed: number, directory: number, bytes: Uint8Array, start: number, end: number): number {
  let hash = Math.imul(directory + 1, 0x9e3779b1) ^ seed;
  for (let i = start; i < end; i++) {
    hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
    hash = (hash ^ (hash >>> 15)) + seed;
  }
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
