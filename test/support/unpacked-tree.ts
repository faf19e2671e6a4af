import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import { type MergedTree, mergeLayers } from "@sluice/disk";
import { layerOf, type TestEntry } from "@sluice/disk/testing";

/** An unpacked image as one layer, whose files are read from where they lie. */
export interface UnpackedTree {
  readonly tree: MergedTree;
  /** Path of a file below the root, a character a byte; the first of its names. */
  pathOf(inode: number): string;
  read(inode: number, offset: number, length: number): Promise<Uint8Array>;
}

export function unpackedTree(root: string): UnpackedTree {
  const entries: TestEntry[] = [];
  const paths: string[] = [];
  const names = new Map<number, string>();
  const add = (path: string): void => {
    const about = lstatSync(bytes(`${root}/${path}`));
    const entry = { path: bytes(path), mode: about.mode & 0o7777 };
    const first = names.get(about.ino);
    if (about.isDirectory()) {
      entries.push({ ...entry, type: "directory" });
      visit(path);
    } else if (about.isSymbolicLink()) {
      const target = readlinkSync(bytes(`${root}/${path}`), { encoding: "buffer" });
      entries.push({ ...entry, type: "symlink", target });
    } else if (about.isFile() && first !== undefined)
      entries.push({ ...entry, type: "hardLink", target: bytes(first) });
    else if (about.isFile()) {
      names.set(about.ino, path);
      entries.push({ ...entry, sizeBytes: about.size });
    }
  };
  const visit = (directory: string): void => {
    const children = readdirSync(bytes(`${root}/${directory}`), { encoding: "latin1" }).sort();
    for (const name of children) add(directory === "" ? name : `${directory}/${name}`);
  };
  visit("");
  const tree = mergeLayers([layerOf(entries)]);
  const pathOf = (inode: number): string => {
    paths[inode] ??= latinPath(tree, inode);
    return paths[inode];
  };
  return {
    tree,
    pathOf,
    read: async (inode, offset, length) => {
      const file = openSync(bytes(root + pathOf(inode)), "r");
      try {
        const content = Buffer.alloc(length);
        return content.subarray(0, readSync(file, content, 0, length, offset));
      } finally {
        closeSync(file);
      }
    },
  };
}

const bytes = (path: string): Buffer => Buffer.from(path, "latin1");

function latinPath({ parent, nameEntry, entryName: { ends, bytes: heap } }: MergedTree, inode: number): string {
  let path = "";
  for (let at = inode; at !== 0; at = parent[at] ?? 0) {
    const entry = nameEntry[at] ?? 0;
    path = `/${Buffer.from(heap.subarray(ends[entry], ends[entry + 1])).toString("latin1")}${path}`;
  }
  return path;
}
