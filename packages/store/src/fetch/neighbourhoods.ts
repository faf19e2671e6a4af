/** Rows `[start, end)` of a disk's chunks. */
export interface RowRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Chunks in a group, and how many misses in it make a reader one who wants all of it. A chunk has about 256 KiB: 1, 4 and 16 MiB. Each step is four times the one before, so that
 * whoever uses most of a large library misses a few times and not a hundred. What a start misses lies close together: there the first miss brings the smallest group.
 */
const levels = [
  { rows: 4, misses: 2, missesInStart: 1 },
  { rows: 16, misses: 3, missesInStart: 3 },
  { rows: 64, misses: 5, missesInStart: 5 },
] as const;

/** Where on one disk misses lie close together, in whatever order: files of one package are neighbours in their blob, as are parts of one library. */
export class Neighbourhoods {
  /** Misses by level and group. */
  readonly #misses: readonly Map<number, number>[] = levels.map(() => new Map());

  /** @returns the largest group around the chunk that now has misses enough */
  onMiss(row: number, isStart: boolean): RowRange | undefined {
    let wanted: RowRange | undefined;
    for (const [level, { rows, misses, missesInStart }] of levels.entries()) {
      const group = Math.floor(row / rows);
      const count = (this.#misses[level]?.get(group) ?? 0) + 1;
      this.#misses[level]?.set(group, count);
      if (count >= (isStart ? missesInStart : misses)) wanted = { start: group * rows, end: (group + 1) * rows };
    }
    return wanted;
  }
}
