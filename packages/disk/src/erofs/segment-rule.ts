import type { MergedTree } from "../merge/merged-tree.js";

/** Directories in a segment on average: about 256 KiB of metadata. docs/adr/0004-metadata-layout.md */
export const directoriesPerSegment = 256;
/** A directory with so many subdirectories always starts a segment: when it moves, the `..` of each of them changes. */
const manySubdirectories = 32;

/**
 * Says which directories start a segment of the metadata, from a hash of their path. Node numbers are places, so one more file
 * moves all that lies behind it, and every directory that names what moved is changed. A segment starts on a fixed multiple of
 * blocks: what moves in one leaves the others in place, and their chunks are the same in the next version of the image.
 */
export class SegmentRule {
  readonly #tree: MergedTree;
  readonly #average: number;
  /** By inode; a directory is asked for after its parent. */
  readonly #pathHash: Uint32Array;

  constructor(tree: MergedTree, average: number) {
    this.#tree = tree;
    this.#average = average;
    this.#pathHash = new Uint32Array(average === 0 ? 0 : tree.inodeCount);
  }

  /** Whether a segment starts with this inode: never with one that is no directory, or an empty one. Ask for the parent first. */
  startsAt(directory: number): boolean {
    const { firstEntry, linkCount } = this.#tree;
    if (this.#average === 0 || directory === 0 || firstEntry[directory] === firstEntry[directory + 1]) return false;
    const subdirectories = (linkCount[directory] ?? 0) - 2;
    return this.#hashOfPath(directory) % this.#average === 0 || subdirectories >= manySubdirectories;
  }

  #hashOfPath(directory: number): number {
    const { parent, nameEntry, entryName } = this.#tree;
    const entry = nameEntry[directory] ?? 0;
    let hash = Math.imul((this.#pathHash[parent[directory] ?? 0] ?? 0) ^ 0x811c9dc5, 0x01000193);
    const end = entryName.ends[entry + 1] ?? 0;
    for (let at = entryName.ends[entry] ?? 0; at < end; at++)
      hash = Math.imul(hash ^ (entryName.bytes[at] ?? 0), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
    hash = (hash ^ (hash >>> 13)) >>> 0;
    this.#pathHash[directory] = hash;
    return hash;
  }
}
