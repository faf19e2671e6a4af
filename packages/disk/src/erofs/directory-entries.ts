import { blockSizeBytes } from "../blocks.js";
import type { MergedTree } from "../merge/merged-tree.js";
import { direntBytes } from "./on-disk.js";

const dot = 0x2e;

/**
 * What a directory block lists: the names of the directory and `.` and `..` where they sort. Positions run from 0 to
 * `count - 1` in byte order of the names. One instance serves for many directories.
 */
export class DirectoryEntries {
  readonly #tree: MergedTree;
  directory = 0;
  count = 0;
  #first = 0;
  #dotAt = 0;
  #dotDotAt = 0;

  constructor(tree: MergedTree) {
    this.#tree = tree;
  }

  open(directory: number): void {
    const { firstEntry } = this.#tree;
    this.directory = directory;
    this.#first = firstEntry[directory] ?? 0;
    const names = (firstEntry[directory + 1] ?? 0) - this.#first;
    this.count = names + 2;
    this.#dotAt = this.#namesBefore(names, 0);
    this.#dotDotAt = this.#namesBefore(names, dot) + 1;
  }

  /** Index into the tree's entries, or -1 for `.` and -2 for `..`. */
  entryAt(position: number): number {
    if (position === this.#dotAt) return -1;
    if (position === this.#dotDotAt) return -2;
    return this.#first + position - (position > this.#dotAt ? 1 : 0) - (position > this.#dotDotAt ? 1 : 0);
  }

  nameBytes(entry: number): number {
    if (entry < 0) return -entry;
    const { ends } = this.#tree.entryName;
    return (ends[entry + 1] ?? 0) - (ends[entry] ?? 0);
  }

  /** The inode of an entry, `.` and `..` included. */
  inodeOf(entry: number): number {
    if (entry === -1) return this.directory;
    return (entry === -2 ? this.#tree.parent[this.directory] : this.#tree.entryInode[entry]) ?? 0;
  }

  /** The position behind the last entry of the block that starts with `position`. */
  blockEnd(position: number): number {
    let bytes = 0;
    let at = position;
    for (; at < this.count; at++) {
      bytes += direntBytes + this.nameBytes(this.entryAt(at));
      if (bytes > blockSizeBytes) break;
    }
    return at;
  }

  /** What the entries from `start` up to `end` take. Bytes. */
  bytesOf(start: number, end: number): number {
    let bytes = 0;
    for (let at = start; at < end; at++) bytes += direntBytes + this.nameBytes(this.entryAt(at));
    return bytes;
  }

  /** How many names sort before `.` (second = 0) or `..` (second = 0x2e). */
  #namesBefore(names: number, second: number): number {
    const { ends, bytes } = this.#tree.entryName;
    let low = 0;
    let high = names;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = ends[this.#first + middle] ?? 0;
      const initial = bytes[at] ?? 0;
      if (initial < dot || (initial === dot && (bytes[at + 1] ?? 0) < second)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
