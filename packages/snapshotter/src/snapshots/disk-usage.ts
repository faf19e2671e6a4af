import type { Dirent } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { isErrno } from "../state/errno.js";
import type { SnapshotUsage } from "./snapshot-record.js";

/** st_blocks counts in these, whatever the file system's block. stat(2). Bytes. */
const statBlockBytes = 512;
/** Files of a folder looked at together: enough to keep the disk busy. */
const maxAtOnce = 64;
const slash = Buffer.from("/");

/** What a folder and everything below it take on the disk. A file with several names counts once; one that goes meanwhile does not count. */
export async function diskUsage(folder: string): Promise<SnapshotUsage> {
  const linked = new Set<string>();
  let sizeBytes = 0;
  let inodes = 0;
  const count = async (path: Buffer): Promise<void> => {
    const stats = await unlessGone(lstat(path));
    if (!stats) return;
    if (!stats.isDirectory() && stats.nlink > 1) {
      const inode = `${stats.dev} ${stats.ino}`;
      if (linked.has(inode)) return;
      linked.add(inode);
    }
    inodes++;
    sizeBytes += stats.blocks * statBlockBytes;
  };
  const folders = [Buffer.from(folder)];
  await count(Buffer.from(folder));
  for (let path = folders.pop(); path !== undefined; path = folders.pop()) {
    const entries: Dirent<Buffer>[] = (await unlessGone(namesIn(path))) ?? [];
    for (let i = 0; i < entries.length; i += maxAtOnce) {
      const some = entries.slice(i, i + maxAtOnce);
      const paths = some.map((entry) => Buffer.concat([path, slash, entry.name])); // names need not be UTF-8
      await Promise.all(paths.map(count));
      folders.push(...paths.filter((_, at) => some[at]?.isDirectory()));
    }
  }
  return { sizeBytes, inodes };
}

const namesIn = (path: Buffer): Promise<Dirent<Buffer>[]> => readdir(path, { withFileTypes: true, encoding: "buffer" });

async function unlessGone<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}
