import { type ByteStrings, byteString } from "../byte-strings.js";
import { entryType, type LayerIndex } from "../layer/layer-index.js";
import { ByteStringsBuilder } from "./byte-strings-builder.js";
import { type MergedTree, maxXattrWarnings, noLayer, pathOf, type XattrWarning } from "./merged-tree.js";
import { type NumberedTree, numberInodes } from "./number-inodes.js";
import type { WorkingTree } from "./working-tree.js";
import { keptXattrs } from "./xattr-filter.js";

/** Of a directory that no layer mentions. */
const impliedMode = 0o755;
/** Linux gives every symlink this mode, whatever the tar says. */
const symlinkMode = 0o777;
const empty = new Uint8Array();

/** What can be reached from the root, numbered breadth first, with its attributes read from the layers. */
export function freezeTree(tree: WorkingTree): MergedTree {
  const { origin, ...numbered } = numberInodes(tree);
  const attributes = attributesOf(tree, origin);
  return { ...numbered, ...attributes, ...heapsOf(tree, numbered, origin) };
}

type Attributes = Omit<MergedTree, keyof NumberedTree | keyof Heaps>;

function attributesOf(tree: WorkingTree, origin: Uint32Array): Attributes {
  const count = origin.length;
  const columns = {
    type: new Uint8Array(count),
    mode: new Uint32Array(count).fill(impliedMode),
    uid: new Uint32Array(count),
    gid: new Uint32Array(count),
    mtimeSeconds: new Float64Array(count),
    mtimeNanoseconds: new Uint32Array(count),
    layer: new Int32Array(count).fill(noLayer),
    startBlock: new Uint32Array(count),
    sizeBytes: new Float64Array(count),
    rdevMajor: new Uint32Array(count),
    rdevMinor: new Uint32Array(count),
  };
  origin.forEach((from, inode) => {
    columns.type[inode] = tree.type[from] ?? 0;
    const index = layerOf(tree, from);
    if (index === undefined) return;
    columns.layer[inode] = tree.layer[from] ?? noLayer;
    copyRow(columns, inode, index, tree.row[from] ?? 0);
  });
  return columns;
}

function copyRow(columns: Attributes, inode: number, index: LayerIndex, row: number): void {
  columns.mode[inode] = index.mode[row] ?? 0;
  columns.uid[inode] = index.uid[row] ?? 0;
  columns.gid[inode] = index.gid[row] ?? 0;
  columns.mtimeSeconds[inode] = index.mtimeSeconds[row] ?? 0;
  columns.mtimeNanoseconds[inode] = index.mtimeNanoseconds[row] ?? 0;
  switch (index.type[row]) {
    case entryType.file:
      columns.startBlock[inode] = index.startBlock[row] ?? 0;
      columns.sizeBytes[inode] = index.sizeBytes[row] ?? 0;
      break;
    case entryType.symlink:
      columns.mode[inode] = symlinkMode;
      columns.sizeBytes[inode] = byteString(index.target, row).length;
      break;
    case entryType.characterDevice:
    case entryType.blockDevice:
      columns.rdevMajor[inode] = index.rdevMajor[row] ?? 0;
      columns.rdevMinor[inode] = index.rdevMinor[row] ?? 0;
      break;
    default:
  }
}

interface Heaps {
  readonly target: ByteStrings;
  readonly xattrs: ByteStrings;
  readonly warnings: readonly XattrWarning[];
  readonly droppedXattrs: number;
}

function heapsOf(tree: WorkingTree, numbered: Omit<NumberedTree, "origin">, origin: Uint32Array): Heaps {
  const target = new ByteStringsBuilder(origin.length);
  const xattrs = new ByteStringsBuilder(origin.length);
  const warnings: XattrWarning[] = [];
  let droppedXattrs = 0;
  origin.forEach((from, inode) => {
    const index = layerOf(tree, from);
    const row = tree.row[from] ?? 0;
    const type = tree.type[from] ?? 0;
    target.add(index !== undefined && type === entryType.symlink ? byteString(index.target, row) : empty);
    const list = index === undefined ? empty : byteString(index.xattrs, row);
    const kept = keptXattrs(list, type, (name, reason) => {
      if (++droppedXattrs > maxXattrWarnings) return;
      warnings.push({ path: pathOf(numbered, inode), name: Buffer.from(name).toString("utf8"), reason });
    });
    xattrs.add(kept);
  });
  return { target: target.done(), xattrs: xattrs.done(), warnings, droppedXattrs };
}

const layerOf = (tree: WorkingTree, inode: number): LayerIndex | undefined => tree.layers[tree.layer[inode] ?? noLayer];
