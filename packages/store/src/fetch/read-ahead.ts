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
}

export const defaultReadAhead: ReadAheadConfig = {
  minRun: 3, // in starts of real images larger windows at once guess worse, and every wrong guess is paid for by a later right one
  firstWindowBytes: 256 * 1024, // about what a link of 100 Mbit/s and 20 ms carries while a request travels
  maxWindowBytes: 4 * 1024 * 1024,
  maxWastedShare: 0.15,
  freeBytes: 512 * 1024,
};

interface Guess {
  readonly sizeBytes: number;
  /** How many right guesses led to this one. */
  readonly run: number;
}

/**
 * Which chunks of one disk to fetch before they are asked for. Files that are used together lie together, so what follows a chunk that is
 * read will often be read soon; how often, every disk's readers teach anew: guesses that nobody read are paid for out of a budget that grows
 * only with what is read. So a sequential reader gets far ahead of himself and a random one fetches little that he does not need.
 */
export class ReadAhead {
  readonly #rows: ChunkRows;
  readonly #config: ReadAheadConfig;
  /** Fetched, or on their way, and not read yet. */
  readonly #guesses: Map<number, Guess> = new Map();
  readonly #coming: Set<number> = new Set();
  #guessedBytes = 0;
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
   * @returns rows to fetch ahead now, rising; they count as guesses until they are read
   */
  onRead(row: number): readonly number[] {
    const guess = this.#guesses.get(row);
    const sizeBytes = this.#rows.compressedSize[row] ?? 0;
    if (guess !== undefined) this.#forget(row, guess);
    if (guess !== undefined || !this.#rows.isStored(row)) this.#readBytes += sizeBytes;
    const run = guess === undefined ? 0 : guess.run + 1;
    const wanted = this.#missingBehind(row, this.#windowBytes(run));
    for (const next of wanted) this.#remember(next, run);
    return wanted;
  }

  /** `row` is on its way, whoever asked for it. Call {@link landed} when it has come or failed. */
  fetching(row: number): void {
    this.#coming.add(row);
  }

  landed(row: number): void {
    this.#coming.delete(row);
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

  #remember(row: number, run: number): void {
    const sizeBytes = this.#rows.compressedSize[row] ?? 0;
    this.#guesses.set(row, { sizeBytes, run });
    this.#guessedBytes += sizeBytes;
  }

  #forget(row: number, guess: Guess): void {
    this.#guesses.delete(row);
    this.#guessedBytes -= guess.sizeBytes;
  }

  /** Guesses that failed to come or were evicted. */
  #dropLost(): void {
    for (const [row, guess] of this.#guesses) {
      if (this.#coming.has(row) || this.#rows.isStored(row)) continue;
      this.#forget(row, guess);
      this.#lostBytes += guess.sizeBytes;
    }
  }
}
