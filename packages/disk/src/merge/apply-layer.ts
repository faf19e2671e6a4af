import { byteString } from "../byte-strings.js";
import { entryType, type LayerIndex } from "../layer/layer-index.js";
import { InvalidLayerError } from "./invalid-layer-error.js";
import { noInode } from "./name-table.js";
import { checkName, enterDirectory, findEntry, lastNameStart, type Walk } from "./walk.js";
import type { WorkingTree } from "./working-tree.js";

/**
 * Applies one layer on top of what is there, by the rules of the OCI image spec (layer.md, "Applying Changesets").
 *
 * Whiteouts and opaque directories first, so they see the lower layers only, wherever they stand in the tar. Then the entries
 * in tar order, as an unpacker would: a directory over a directory takes over the attributes and keeps what is in it, anything
 * else replaces what had the name.
 */
export function applyLayer(tree: WorkingTree, index: LayerIndex, layer: number): void {
  tree.bytesBehindSymlinks = 0;
  for (let row = 0; row < index.entryCount; row++) {
    const type = index.type[row];
    if (type === entryType.whiteout) whiteOut(tree, layer, byteString(index.path, row));
    else if (type === entryType.opaque) makeOpaque(tree, layer, byteString(index.path, row));
  }
  for (let row = 0; row < index.entryCount; row++) {
    const type = index.type[row] ?? 0;
    if (type === entryType.whiteout || type === entryType.opaque) continue;
    const path = byteString(index.path, row);
    if (path.length === 0) applyRoot(tree, layer, row, type);
    else if (type === entryType.hardLink) applyHardLink(tree, layer, path, byteString(index.target, row));
    else applyEntry(tree, layer, row, type, path);
  }
}

function whiteOut(tree: WorkingTree, layer: number, path: Uint8Array): void {
  if (path.length === 0) throw new InvalidLayerError(layer, path, "a whiteout of the root");
  const entry = findEntry({ tree, layer, make: false }, path);
  if (entry !== -1) tree.names.inode[entry] = noInode;
}

function makeOpaque(tree: WorkingTree, layer: number, path: Uint8Array): void {
  if (path.length === 0) {
    tree.root = tree.addEmptyCopy(tree.root);
    tree.parent[tree.root] = tree.root;
    return;
  }
  const entry = findEntry({ tree, layer, make: false }, path);
  const inode = entry === -1 ? noInode : (tree.names.inode[entry] ?? noInode);
  if (inode !== noInode && tree.isDirectory(inode)) tree.names.inode[entry] = tree.addEmptyCopy(inode);
}

function applyRoot(tree: WorkingTree, layer: number, row: number, type: number): void {
  if (type !== entryType.directory) {
    throw new InvalidLayerError(layer, new Uint8Array(), "the root is not a directory");
  }
  tree.layer[tree.root] = layer;
  tree.row[tree.root] = row;
}

function applyEntry(tree: WorkingTree, layer: number, row: number, type: number, path: Uint8Array): void {
  const entry = makeEntry({ tree, layer, make: true }, path);
  const old = tree.names.inode[entry] ?? noInode;
  if (type === entryType.directory && old !== noInode && tree.isDirectory(old)) {
    tree.layer[old] = layer;
    tree.row[old] = row;
  } else {
    tree.names.inode[entry] = tree.addInode(type, layer, row, tree.names.directory[entry] ?? 0);
  }
}

/** The name gets the inode that the target has at this point of the tar, be it of a lower layer. */
function applyHardLink(tree: WorkingTree, layer: number, path: Uint8Array, target: Uint8Array): void {
  const targetEntry = findEntry({ tree, layer, make: false }, target);
  const inode = targetEntry === -1 ? noInode : (tree.names.inode[targetEntry] ?? noInode);
  const shown = `/${Buffer.from(target).toString("utf8")}`;
  if (target.length > 0 && inode === noInode) {
    throw new InvalidLayerError(layer, path, `a hard link to ${shown}, which is not there`);
  }
  if (target.length === 0 || tree.isDirectory(inode)) {
    throw new InvalidLayerError(layer, path, `a hard link to ${shown}, which is a directory`);
  }
  const entry = makeEntry({ tree, layer, make: true }, path);
  tree.names.inode[entry] = inode;
}

function makeEntry(walk: Walk, path: Uint8Array): number {
  const start = lastNameStart(path);
  checkName(walk.layer, path, path, start, path.length);
  const directory = enterDirectory(walk, path.subarray(0, Math.max(0, start - 1)));
  return walk.tree.names.findOrAdd(directory, path, start, path.length);
}
