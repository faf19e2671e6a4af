/** Chunks `from` up to, not including, `to`, by their numbers on a disk. */
export interface ChunkSpan {
  readonly from: number;
  readonly to: number;
}

export interface ReadAheadConfig {
  /** Reads in a row before anything is fetched ahead. 2: one read is no direction. */
  readonly minRun: number;
  /** Fetched ahead at the start of a run; doubles as the run goes on. Chunks. */
  readonly firstWindow: number;
  /** The most that is fetched ahead. Chunks. */
  readonly maxWindow: number;
  /** A run may leave out so many chunks and still be one. */
  readonly maxSkip: number;
  /** Runs remembered per disk: readers that go on side by side. */
  readonly maxRuns: number;
}

export const defaultReadAhead: ReadAheadConfig = { minRun: 2, firstWindow: 2, maxWindow: 32, maxSkip: 1, maxRuns: 16 };

/** A reader who goes forward. */
export interface Run {
  /** The chunk read last. */
  readonly at: number;
  /** Chunks read in this run. */
  readonly length: number;
  /** First chunk of what was fetched ahead last. When the reader arrives there, the next is fetched. */
  readonly batchFrom: number;
  /** Everything before has been asked for. */
  readonly aheadTo: number;
  readonly window: number;
}

export const startRun = (chunk: number): Run => ({
  at: chunk,
  length: 1,
  batchFrom: chunk + 1,
  aheadTo: chunk + 1,
  window: 0,
});

/**
 * The run after a read of `chunk`, and what to fetch ahead for it. Pure. `end` is where the disk's region ends: nothing is fetched past it.
 * A batch is asked for when the reader enters the batch before, so there is always one on its way, and requests stay large.
 */
export function extendRun(
  run: Run,
  chunk: number,
  end: number,
  config: ReadAheadConfig,
): { run: Run; fetch: ChunkSpan } {
  const length = chunk === run.at ? run.length : run.length + 1;
  const aheadTo = Math.max(run.aheadTo, chunk + 1);
  if (length < config.minRun || chunk < run.batchFrom || aheadTo >= end) {
    return { run: { ...run, at: chunk, length, aheadTo }, fetch: { from: aheadTo, to: aheadTo } };
  }
  const window = run.window === 0 ? config.firstWindow : Math.min(run.window * 2, config.maxWindow);
  const to = Math.min(end, aheadTo + window);
  return { run: { at: chunk, length, batchFrom: aheadTo, aheadTo: to, window }, fetch: { from: aheadTo, to } };
}

/** Finds the readers of one disk that go forward, among those who jump about, and says what they will want next. */
export class ReadAhead {
  readonly #config: ReadAheadConfig;
  /** Most recently extended last. */
  #runs: Run[] = [];

  constructor(config: ReadAheadConfig = defaultReadAhead) {
    this.#config = config;
  }

  /**
   * Call for each chunk that missed, and for each marked chunk that was hit (see {@link SharedChunkReaderOptions.onMark}): mark the first chunk
   * of what is fetched ahead, or a run falls silent as soon as it hits.
   *
   * @param end where the chunk's region ends, in chunks
   * @returns the chunks to fetch ahead; an empty span for a reader who jumps
   */
  onAccess(chunk: number, end: number): ChunkSpan {
    const index = this.#runs.findIndex((run) => this.#continues(run, chunk));
    const known = this.#runs[index];
    if (known === undefined) {
      this.#remember(startRun(chunk));
      return { from: chunk + 1, to: chunk + 1 };
    }
    this.#runs.splice(index, 1);
    const { run, fetch } = extendRun(known, chunk, end, this.#config);
    this.#remember(run);
    return fetch;
  }

  /** Within what was fetched ahead, or right behind it. */
  #continues(run: Run, chunk: number): boolean {
    return chunk >= run.at && chunk <= run.aheadTo + this.#config.maxSkip;
  }

  #remember(run: Run): void {
    this.#runs.push(run);
    if (this.#runs.length > this.#config.maxRuns) this.#runs.shift();
  }
}
