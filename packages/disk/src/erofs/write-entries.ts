import type { Canvas } from "./canvas.js";
import type { DirectoryEntries } from "./directory-entries.js";
import { direntBytes, typeCodes } from "./on-disk.js";
import type { ErofsPlan } from "./plan-erofs.js";

const dot = 0x2e;

/** Writes the entries from position `start` up to `end` as one directory block at `at`: the dirents, then the names. */
export function writeEntries(
  { bytes, view }: Canvas,
  at: number,
  plan: ErofsPlan,
  entries: DirectoryEntries,
  start: number,
  end: number,
): void {
  const { tree, slot } = plan;
  let dirent = at;
  let name = at + (end - start) * direntBytes;
  for (let position = start; position < end; position++) {
    const entry = entries.entryAt(position);
    const inode = entries.inodeOf(entry);
    view.setUint32(dirent, slot[inode] ?? 0, true); // u64
    view.setUint16(dirent + 8, name - at, true);
    view.setUint8(dirent + 10, typeCodes(tree.type[inode] ?? 0).dirent);
    if (entry < 0) {
      bytes.fill(dot, name, name - entry);
      name -= entry;
    } else {
      const nameEnd = tree.entryName.ends[entry + 1] ?? 0;
      for (let i = tree.entryName.ends[entry] ?? 0; i < nameEnd; i++) bytes[name++] = tree.entryName.bytes[i] ?? 0;
    }
    dirent += direntBytes;
  }
}
