import type { MergedTree } from "../merge/merged-tree.js";

/** Directories in a segment on average: about 256 KiB of metadata. docs/adr/0004-metadata-layout.md */
export const directoriesPerSegment = 256;

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

  /** Whether a segment starts with this directory; with an empty one none does. Ask for the parent first. */
  startsAt(directory: number): boolean {
    const { firstEntry, parent, nameEntry, entryName } = this.#tree;
    if (this.#average === 0 || directory === 0 || firstEntry[directory] === firstEntry[directory + 1]) return false;
    const entry = nameEntry[directory] ?? 0;
    let hash = Math.imul((this.#pathHash[parent[directory] ?? 0] ?? 0) ^ 0x811c9dc5, 0x01000193);
    const end = entryName.ends[entry + 1] ?? 0;
    for (let at = entryName.ends[entry] ?? 0; at < end; at++)
      hash = Math.imul(hash ^ (entryName.bytes[at] ?? 0), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
    hash = (hash ^ (hash >>> 13)) >>> 0;
    this.#pathHash[directory] = hash;
    return hash % this.#average === 0;
  }
}
