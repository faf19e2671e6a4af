import { type ByteRange, sizeOfRange } from "./byte-range.js";

/** Which bytes of something are there: a set of disjoint half-open ranges, kept sorted and joined where they touch. */
export class RangeSet {
  readonly #ranges: ByteRange[] = [];

  constructor(ranges: Iterable<ByteRange> = []) {
    for (const range of ranges) this.add(range);
  }

  /** Sorted by start, never empty, never touching one another. */
  get ranges(): readonly ByteRange[] {
    return this.#ranges;
  }

  /** Bytes in the set. */
  get sizeBytes(): number {
    return this.#ranges.reduce((sum, range) => sum + sizeOfRange(range), 0);
  }

  add(range: ByteRange): void {
    if (range.start >= range.end) return;
    const first = this.#firstEndingAt(range.start);
    let { start, end } = range;
    let after = first;
    for (; after < this.#ranges.length; after++) {
      const there = this.#ranges[after];
      if (there === undefined || there.start > end) break;
      start = Math.min(start, there.start);
      end = Math.max(end, there.end);
    }
    this.#ranges.splice(first, after - first, { start, end });
  }

  /** Whether every byte of `range` is in the set. An empty range always is. */
  contains(range: ByteRange): boolean {
    return this.missing(range).length === 0;
  }

  /** The parts of `range` that are not in the set, in order. */
  missing(range: ByteRange): ByteRange[] {
    const gaps: ByteRange[] = [];
    let { start } = range;
    for (let at = this.#firstEndingAt(range.start); at < this.#ranges.length && start < range.end; at++) {
      const there = this.#ranges[at];
      if (there === undefined || there.start >= range.end) break;
      if (there.start > start) gaps.push({ start, end: there.start });
      start = Math.max(start, there.end);
    }
    if (start < range.end) gaps.push({ start, end: range.end });
    return gaps;
  }

  /** Index of the first range whose end is at or behind `offset`. */
  #firstEndingAt(offset: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle]?.end ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
