import { entryType } from "../layer/layer-index.js";
import { ByteStringsBuilder } from "./byte-strings-builder.js";
import type { MergedTree } from "./merged-tree.js";
import { groupByDirectory, sortByName } from "./sorted-entries.js";
import type { WorkingTree } from "./working-tree.js";

/** The names and the numbering of a {@link MergedTree}; what the inodes are like comes later. */
export interface NumberedTree
  extends Pick<
    MergedTree,
    "inodeCount" | "linkCount" | "parent" | "nameEntry" | "firstEntry" | "entryCount" | "entryInode" | "entryName"
  > {
  /** The inode of the working tree that each is. */
  readonly origin: Uint32Array;
}

/** Numbers what can be reached from the root. A directory has one name, so each is visited once and this ends. */
export function numberInodes(tree: WorkingTree): NumberedTree {
  const { names } = tree;
  const { start, order } = groupByDirectory(names, tree.inodeCount);
  const entryName = new ByteStringsBuilder(order.length);
  const numbering = new Numbering(tree, order.length);
  for (let directory = 0; directory < numbering.inodeCount; directory++) {
    numbering.firstEntry[directory] = numbering.entryCount;
    const from = numbering.origin[directory] ?? 0;
    if (!tree.isDirectory(from)) continue;
    const entries = order.subarray(start[from] ?? 0, start[from + 1] ?? 0);
    sortByName(entries, names);
    for (const entry of entries) {
      numbering.addEntry(directory, names.inode[entry] ?? 0);
      const nameStart = names.nameStart[entry] ?? 0;
      entryName.add(names.heap, nameStart, nameStart + (names.nameLength[entry] ?? 0));
    }
  }
  return { ...numbering.done(), entryName: entryName.done() };
}

class Numbering {
  inodeCount = 1;
  entryCount = 0;
  readonly origin: Uint32Array;
  readonly firstEntry: Uint32Array;
  readonly #type: Uint8Array;
  /** By inode of the working tree; -1 as long as it has none. */
  readonly #number: Int32Array;
  readonly #parent: Uint32Array;
  readonly #nameEntry: Uint32Array;
  readonly #linkCount: Uint32Array;
  readonly #entryInode: Uint32Array;

  constructor(tree: WorkingTree, maxEntries: number) {
    const maxInodes = tree.inodeCount;
    this.#type = tree.type;
    this.#number = new Int32Array(maxInodes).fill(-1);
    this.origin = new Uint32Array(maxInodes);
    this.#parent = new Uint32Array(maxInodes);
    this.#nameEntry = new Uint32Array(maxInodes);
    this.#linkCount = new Uint32Array(maxInodes);
    this.firstEntry = new Uint32Array(maxInodes + 1);
    this.#entryInode = new Uint32Array(maxEntries);
    this.origin[0] = tree.root;
    this.#number[tree.root] = 0;
    this.#linkCount[0] = 2;
  }

  /** The next name of `directory`; it names the inode `named` of the working tree. */
  addEntry(directory: number, named: number): void {
    const isDirectory = this.#type[named] === entryType.directory;
    let inode = this.#number[named] ?? -1;
    if (inode === -1) {
      inode = this.inodeCount++;
      this.#number[named] = inode;
      this.origin[inode] = named;
      this.#parent[inode] = directory;
      this.#nameEntry[inode] = this.entryCount;
      this.#linkCount[inode] = isDirectory ? 2 : 0;
    }
    const counted = isDirectory ? directory : inode; // a subdirectory's `..` is a link to its parent
    this.#linkCount[counted] = (this.#linkCount[counted] ?? 0) + 1;
    this.#entryInode[this.entryCount++] = inode;
  }

  done(): Omit<NumberedTree, "entryName"> {
    this.firstEntry[this.inodeCount] = this.entryCount;
    return {
      inodeCount: this.inodeCount,
      origin: this.origin.subarray(0, this.inodeCount),
      parent: this.#parent.slice(0, this.inodeCount),
      nameEntry: this.#nameEntry.slice(0, this.inodeCount),
      linkCount: this.#linkCount.slice(0, this.inodeCount),
      firstEntry: this.firstEntry.slice(0, this.inodeCount + 1),
      entryCount: this.entryCount,
      entryInode: this.#entryInode.slice(0, this.entryCount),
    };
  }
}
