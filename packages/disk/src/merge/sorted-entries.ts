import { compareNames } from "./compare-names.js";
import { type NameTable, noInode } from "./name-table.js";

/** The live entries of a name table, grouped by directory: those of `d` are `order[start[d]..start[d + 1])`, not sorted yet. */
export interface GroupedEntries {
  readonly start: Uint32Array;
  readonly order: Uint32Array;
}

/** Groups by counting: linear in the table. */
export function groupByDirectory(names: NameTable, inodeCount: number): GroupedEntries {
  const start = new Uint32Array(inodeCount + 1);
  for (let entry = 0; entry < names.count; entry++) {
    const slot = (names.directory[entry] ?? 0) + 1;
    if (names.inode[entry] !== noInode) start[slot] = (start[slot] ?? 0) + 1;
  }
  for (let i = 1; i <= inodeCount; i++) start[i] = (start[i] ?? 0) + (start[i - 1] ?? 0);
  const order = new Uint32Array(start[inodeCount] ?? 0);
  const next = start.slice();
  for (let entry = 0; entry < names.count; entry++) {
    if (names.inode[entry] === noInode) continue;
    const directory = names.directory[entry] ?? 0;
    const at = next[directory] ?? 0;
    order[at] = entry;
    next[directory] = at + 1;
  }
  return { start, order };
}

/** Sorts the entries of one directory by name, in place. */
export function sortByName(entries: Uint32Array, names: NameTable): void {
  entries.sort((a, b) => {
    const aStart = names.nameStart[a] ?? 0;
    const bStart = names.nameStart[b] ?? 0;
    return compareNames(
      names.heap,
      aStart,
      aStart + (names.nameLength[a] ?? 0),
      bStart,
      bStart + (names.nameLength[b] ?? 0),
    );
  });
}
