import { entryType, type LayerIndex } from "../layer/layer-index.js";
import { capacityFor, grown } from "./growing.js";
import { noLayer } from "./merged-tree.js";
import { NameTable } from "./name-table.js";

/** The tree while layers are being applied. Inodes that nothing names any more stay in the columns until it is frozen. */
export class WorkingTree {
  readonly layers: readonly LayerIndex[];
  readonly names: NameTable = new NameTable();
  inodeCount = 0;
  /** Bytes of the paths that the symlinks of the layer being applied led to. */
  bytesBehindSymlinks = 0;
  type: Uint8Array = new Uint8Array(1024);
  /** The layer and the row of its index that the attributes come from; both {@link noLayer} for implied directories. */
  layer: Int32Array = new Int32Array(1024);
  row: Int32Array = new Int32Array(1024);
  /** Directories: the directory they are in. */
  parent: Uint32Array = new Uint32Array(1024);
  root: number;

  constructor(layers: readonly LayerIndex[]) {
    this.layers = layers;
    this.root = this.addInode(entryType.directory, noLayer, noLayer, 0);
  }

  addInode(type: number, layer: number, row: number, parent: number): number {
    const inode = this.inodeCount++;
    if (this.inodeCount > this.type.length) this.#grow(capacityFor(this.inodeCount, this.type.length));
    this.type[inode] = type;
    this.layer[inode] = layer;
    this.row[inode] = row;
    this.parent[inode] = parent;
    return inode;
  }

  /** A directory with the attributes of `inode` and nothing in it. */
  addEmptyCopy(inode: number): number {
    return this.addInode(
      entryType.directory,
      this.layer[inode] ?? noLayer,
      this.row[inode] ?? noLayer,
      this.parent[inode] ?? 0,
    );
  }

  isDirectory(inode: number): boolean {
    return this.type[inode] === entryType.directory;
  }

  #grow(capacity: number): void {
    this.type = grown(this.type, capacity);
    this.layer = grown(this.layer, capacity);
    this.row = grown(this.row, capacity);
    this.parent = grown(this.parent, capacity);
  }
}
