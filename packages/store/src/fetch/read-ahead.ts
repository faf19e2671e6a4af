import { Neighbourhoods, type RowRange } from "./neighbourhoods.js";

/** What read-ahead has to know of the chunks of one disk. Rows are in disk order. */
export interface ChunkRows {
  /** Bytes of each frame; 0 for zero chunks, which are never fetched. */
  readonly compressedSize: Uint32Array;
  /** Where the region of a row ends: neighbours behind it lie in another blob. */
  endOfRegion(row: number): number;
  /** Whether the chunk is in the store. */
  isStored(row: number): boolean;
}

/** Bytes are compressed ones. */
export interface ReadAheadConfig {
  /** So many chunks in a row must have been guessed right, one by one, before a reader counts as one who goes on. */
  readonly minRun: number;
  /** Fetched ahead of a reader who goes on; doubles with each chunk … */
  readonly firstWindowBytes: number;
  /** … up to this. */
  readonly maxWindowBytes: number;
  /** What is fetched and never read may be this share of what is read … */
  readonly maxWastedShare: number;
  /** … and this much before anything is known. */
  readonly freeBytes: number;
  /** So much may be fetched because misses lay close to it, and not be read. Apart from the others, so that readers who go on do not pay for it. */
  readonly nearbyBytes: number;
}

export const defaultReadAhead: ReadAheadConfig = {
  minRun: 3, // in starts of real images larger windows at once guess worse, and every wrong guess is paid for by a later right one
  firstWindowBytes: 256 * 1024, // about what a link of 100 Mbit/s and 20 ms carries while a request travels
  maxWindowBytes: 4 * 1024 * 1024,
  maxWastedShare: 0.15,
  freeBytes: 512 * 1024,
  nearbyBytes: 16 * 1024 * 1024, // 1.3 s of a link of 100 Mbit/s that would wait for one round trip after the other: 40 of them
};

interface Guess {
  readonly sizeBytes: number;
  /** How many right guesses led to this one. */
  readonly run: number;
  /** Made because misses lay close to it. */
  readonly isNearby: boolean;
}

/**
 * Which chunks of one disk to fetch before they are asked for. Files that are used together lie together, so what follows a chunk that is
 * read will often be read soon; how often, every disk's readers teach anew: guesses that nobody read are paid for out of a budget that grows
 * only with what is read. So a sequential reader gets far ahead of himself and a random one fetches little that he does not need. Where several misses lie close together, in whatever
 * order, the chunks around them are fetched at once, out of a budget of their own: one who uses a large library everywhere waits for a few round trips.
 */
export class ReadAhead {
  readonly #rows: ChunkRows;
  readonly #config: ReadAheadConfig;
  /** Fetched, or on their way, and not read yet. */
  readonly #guesses: Map<number, Guess> = new Map();
  readonly #coming: Set<number> = new Set();
  readonly #neighbourhoods = new Neighbourhoods();
  #guessedBytes = 0;
  #nearbyBytes = 0;
  #readBytes = 0;
  /** Of guesses that left the store unread. */
  #lostBytes = 0;

  constructor(rows: ChunkRows, config: ReadAheadConfig = defaultReadAhead) {
    this.#rows = rows;
    this.#config = config;
  }

  /**
   * A reader wants `row`: it missed, or it is the first to hit a chunk that was fetched ahead. Pure bookkeeping, no I/O.
   *
   * @param isStart the image starts, and nobody recorded what that reads
   * @returns rows to fetch ahead now, rising; they count as guesses until they are read
   */
  onRead(row: number, isStart: boolean = false): readonly number[] {
    const guess = this.#guesses.get(row);
    const sizeBytes = this.#rows.compressedSize[row] ?? 0;
    if (guess !== undefined) this.#forget(row, guess);
    if (guess !== undefined || !this.#rows.isStored(row)) this.#readBytes += sizeBytes;
    const isMiss = guess === undefined && sizeBytes > 0 && !this.#rows.isStored(row);
    const run = guess === undefined ? 0 : guess.run + 1;
    const wanted = this.#missingBehind(row, this.#windowBytes(run));
    for (const next of wanted) this.#remember(next, run, false);
    const group = isMiss ? this.#neighbourhoods.onMiss(row, isStart) : undefined;
    const nearby = group ? this.#missingIn(group, row) : [];
    for (const next of nearby) this.#remember(next, 0, true);
    return [...wanted, ...nearby].sort((a, b) => a - b);
  }

  /** `row` is on its way, whoever asked for it. Call {@link landed} when it has come or failed. */
  fetching(row: number): void {
    this.#coming.add(row);
  }

  landed(row: number): void {
    this.#coming.delete(row);
  }

  isComing(row: number): boolean {
    return this.#coming.has(row);
  }

  /** Compressed bytes that may still be fetched on a guess. */
  get allowanceBytes(): number {
    const { maxWastedShare, freeBytes } = this.#config;
    return Math.max(0, freeBytes + maxWastedShare * this.#readBytes - this.#guessedBytes - this.#lostBytes);
  }

  /** Of a reader with so many right guesses behind him. 1: the next chunk, whatever its size. */
  #windowBytes(run: number): number {
    const { minRun, firstWindowBytes, maxWindowBytes } = this.#config;
    return run < minRun ? 1 : Math.min(firstWindowBytes * 2 ** (run - minRun), maxWindowBytes);
  }

  /** What a group has in the region of one of its rows, as far as the budget goes. */
  #missingIn({ start, end }: RowRange, around: number): number[] {
    const region = this.#rows.endOfRegion(around);
    let allowance = this.#config.nearbyBytes - this.#nearbyBytes;
    const missing: number[] = [];
    for (let row = start; row < Math.min(end, region); row++) {
      const sizeBytes = this.#rows.compressedSize[row] ?? 0;
      const isKnown = row === around || this.#coming.has(row) || this.#guesses.has(row);
      if (sizeBytes === 0 || isKnown || this.#rows.isStored(row) || this.#rows.endOfRegion(row) !== region) continue;
      if (sizeBytes > allowance) break;
      allowance -= sizeBytes;
      missing.push(row);
    }
    return missing;
  }

  /** Nothing while more than half of the window is there already: few large requests, not many small ones. */
  #missingBehind(row: number, windowBytes: number): number[] {
    const { compressedSize } = this.#rows;
    const end = this.#rows.endOfRegion(row);
    if (this.allowanceBytes === 0) this.#dropLost();
    let allowance = this.allowanceBytes;
    let aheadBytes = 0;
    let hereBytes = 0;
    const missing: number[] = [];
    for (let next = row + 1; next < end && aheadBytes < windowBytes; next++) {
      const sizeBytes = compressedSize[next] ?? 0;
      if (sizeBytes === 0) continue;
      aheadBytes += sizeBytes;
      if (this.#coming.has(next) || this.#guesses.has(next) || this.#rows.isStored(next)) hereBytes += sizeBytes;
      else if (sizeBytes <= allowance) {
        allowance -= sizeBytes;
        missing.push(next);
      } else break;
    }
    return hereBytes > windowBytes / 2 ? [] : missing;
  }

  #remember(row: number, run: number, isNearby: boolean): void {
    const sizeBytes = this.#rows.compressedSize[row] ?? 0;
    this.#guesses.set(row, { sizeBytes, run, isNearby });
    if (isNearby) this.#nearbyBytes += sizeBytes;
    else this.#guessedBytes += sizeBytes;
  }

  #forget(row: number, guess: Guess): void {
    this.#guesses.delete(row);
    if (guess.isNearby) this.#nearbyBytes -= guess.sizeBytes;
    else this.#guessedBytes -= guess.sizeBytes;
  }

  /** Guesses that failed to come or were evicted. Those of a neighbourhood stay in its budget. */
  #dropLost(): void {
    for (const [row, guess] of this.#guesses) {
      if (guess.isNearby || this.#coming.has(row) || this.#rows.isStored(row)) continue;
      this.#forget(row, guess);
      this.#lostBytes += guess.sizeBytes;
    }
  }
}
