import { byteString } from "../byte-strings.js";
import { entryType } from "../layer/layer-index.js";
import { InvalidLayerError } from "./invalid-layer-error.js";
import { noLayer } from "./merged-tree.js";
import type { WorkingTree } from "./working-tree.js";

/** Longest name of a file. Bytes. NAME_MAX of Linux */
const maxNameBytes = 255;
/** Symlinks followed for one path. Linux gives up after as many (ELOOP). */
const maxSymlinks = 40;
/** Bytes of paths that the symlinks of one layer may lead to in all, so that a small layer cannot keep us busy for hours. */
const maxBytesBehindSymlinks = 2 ** 26;
/** Inodes in all, directories that are only implied included: more than any image has, and what memory is planned for. */
const maxInodes = 2 ** 22;
const slash = 0x2f;
const dot = 0x2e;

/** Whose entry is being applied, and whether missing directories are to be made. */
export interface Walk {
  readonly tree: WorkingTree;
  readonly layer: number;
  readonly make: boolean;
}

/** Where the last component of a normalised path starts. */
export const lastNameStart = (path: Uint8Array): number => path.lastIndexOf(slash) + 1;

/**
 * The directory inode at `path`, from the root; -1 when it is not there and is not to be made.
 *
 * A component that is missing is made (0755, 0:0, time 0). One that a lower layer has as something else is replaced by such a
 * directory: that is what a container sees when containerd unpacks each layer into its own overlay directory, where symlinks
 * of lower layers are not visible. A symlink of the same layer is followed, as every unpacker does, but never out of the root.
 *
 * @throws {InvalidLayerError} if the same layer has something else there, or its symlinks form a loop, or a name is too long
 */
export function enterDirectory(walk: Walk, path: Uint8Array): number {
  let rest = path;
  let directory = walk.tree.root;
  let symlinks = 0;
  for (let at = 0; at < rest.length; ) {
    const start = at;
    while (at < rest.length && rest[at] !== slash) at++;
    const next = step(walk, path, directory, rest, start, at);
    if (next === -1) return -1;
    at++;
    if (walk.tree.isDirectory(next)) {
      directory = next;
      continue;
    }
    if (++symlinks > maxSymlinks)
      throw new InvalidLayerError(walk.layer, path, "leads into a loop of symlinks, and entries lie below it");
    const target = targetOf(walk.tree, next);
    walk.tree.bytesBehindSymlinks += target.length + rest.length - at;
    if (walk.tree.bytesBehindSymlinks > maxBytesBehindSymlinks) {
      throw new InvalidLayerError(walk.layer, path, "leads over symlinks, as too many entries of this layer do");
    }
    rest = Buffer.concat([target, Uint8Array.of(slash), rest.subarray(at)]);
    if (target[0] === slash) directory = walk.tree.root;
    at = 0;
  }
  return directory;
}

/** The entry at `path`, whose last component is not followed; -1 when it is not there. The root has none. */
export function findEntry(walk: Walk, path: Uint8Array): number {
  const start = lastNameStart(path);
  const directory = enterDirectory(walk, path.subarray(0, Math.max(0, start - 1)));
  return directory === -1 ? -1 : walk.tree.names.find(directory, path, start, path.length);
}

/** @throws {InvalidLayerError} unless `path[start..end)` may name a file */
export function checkName(layer: number, path: Uint8Array, bytes: Uint8Array, start: number, end: number): void {
  const length = end - start;
  if (length > maxNameBytes) {
    throw new InvalidLayerError(layer, path, `a name of ${length} bytes; Linux allows ${maxNameBytes}`);
  }
  if (length === 0 || isDots(bytes, start, end)) throw new InvalidLayerError(layer, path, "the path is not normalised");
}

/** The inode that one component leads to: a directory, or a symlink to follow, or -1. */
function step(walk: Walk, path: Uint8Array, from: number, bytes: Uint8Array, start: number, end: number): number {
  const { tree, layer } = walk;
  if (start === end) return from;
  if (isDots(bytes, start, end)) return end - start === 1 ? from : (tree.parent[from] ?? 0);
  checkName(layer, path, bytes, start, end);
  const entry = walk.make ? tree.names.findOrAdd(from, bytes, start, end) : tree.names.find(from, bytes, start, end);
  const inode = entry === -1 ? -1 : (tree.names.inode[entry] ?? -1);
  if (inode !== -1 && tree.isDirectory(inode)) return inode;
  const ofThisLayer = inode !== -1 && tree.layer[inode] === layer;
  if (ofThisLayer && tree.type[inode] === entryType.symlink) return inode;
  if (!walk.make) return -1;
  if (ofThisLayer) throw new InvalidLayerError(layer, path, "is no directory in this layer, and entries lie below it");
  const made = addImplied(walk, path, from);
  tree.names.inode[entry] = made;
  return made;
}

function addImplied({ tree, layer }: Walk, path: Uint8Array, parent: number): number {
  if (tree.inodeCount >= maxInodes) {
    throw new InvalidLayerError(layer, path, `implies a directory more than the ${maxInodes} inodes of an image`);
  }
  return tree.addInode(entryType.directory, noLayer, noLayer, parent);
}

const isDots = (bytes: Uint8Array, start: number, end: number): boolean =>
  bytes[start] === dot && (end - start === 1 || (end - start === 2 && bytes[start + 1] === dot));

function targetOf(tree: WorkingTree, inode: number): Uint8Array {
  const layer = tree.layers[tree.layer[inode] ?? noLayer];
  return layer === undefined ? new Uint8Array() : byteString(layer.target, tree.row[inode] ?? 0);
}
