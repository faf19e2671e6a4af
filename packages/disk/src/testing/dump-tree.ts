import { byteString } from "../byte-strings.js";
import { entryType } from "../layer/layer-index.js";
import { iterateXattrs } from "../layer/xattr-list.js";
import type { MergedTree } from "../merge/merged-tree.js";

/** One name of a tree, in words. Bytes are shown as Latin-1, so that none is lost. */
export interface DumpedEntry {
  /** In the tree's columns. */
  readonly inode: number;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  readonly sizeBytes: number;
  readonly target: string;
  readonly rdev: string;
  readonly linkCount: number;
  readonly xattrs: Readonly<Record<string, string>>;
  /** The first name, in the order of the dump, of the same inode. */
  readonly sameAs: string;
}

const typeNames: ReadonlyMap<number, string> = new Map(Object.entries(entryType).map(([name, type]) => [type, name]));

export const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** Every name of `tree` by its path without a leading `/`, a directory before what is in it; the root is "". */
export function dumpTree(tree: MergedTree): Map<string, DumpedEntry> {
  const dump = new Map<string, DumpedEntry>();
  const firstName = new Map<number, string>();
  const waiting: [path: string, inode: number][] = [["", 0]];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [path, inode] = next;
    if (!firstName.has(inode)) firstName.set(inode, path);
    dump.set(path, dumpInode(tree, inode, firstName.get(inode) ?? path));
    for (let entry = tree.firstEntry[inode] ?? 0; entry < (tree.firstEntry[inode + 1] ?? 0); entry++) {
      const name = latin1(byteString(tree.entryName, entry));
      waiting.push([path === "" ? name : `${path}/${name}`, tree.entryInode[entry] ?? 0]);
    }
  }
  return dump;
}

function dumpInode(tree: MergedTree, inode: number, sameAs: string): DumpedEntry {
  const xattrs: Record<string, string> = {};
  for (const { name, value } of iterateXattrs(byteString(tree.xattrs, inode))) xattrs[latin1(name)] = latin1(value);
  return {
    inode,
    type: typeNames.get(tree.type[inode] ?? 0) ?? "unknown",
    mode: tree.mode[inode] ?? 0,
    uid: tree.uid[inode] ?? 0,
    gid: tree.gid[inode] ?? 0,
    mtimeSeconds: tree.mtimeSeconds[inode] ?? 0,
    mtimeNanoseconds: tree.mtimeNanoseconds[inode] ?? 0,
    sizeBytes: tree.sizeBytes[inode] ?? 0,
    target: latin1(byteString(tree.target, inode)),
    rdev: `${tree.rdevMajor[inode]}:${tree.rdevMinor[inode]}`,
    linkCount: tree.linkCount[inode] ?? 0,
    xattrs,
    sameAs,
  };
}
