/** What is asked for together. Compressed bytes. */
const groupBytes = 256 * 1024;
/** Groups under way at once: two keep a link busy while a request travels … */
const minGroups = 2;
/** … and so many a fast and long one: 4 MiB are 1 Gbit/s at 33 ms. */
const maxGroups = 16;
/** A group that takes less than this, in full, leaves room for another one; one that takes more than twice as long waited behind its own kind. Milliseconds. */
const unhurriedMs = 50;

export interface PacedFetchesParts {
  /** Compressed bytes of a chunk. */
  readonly sizeOf: (chunk: number) => number;
  /** Neither here nor on its way. */
  readonly isMissing: (chunk: number) => boolean;
  /** Asks for chunks in one go. Resolves when all have come, or will not. */
  readonly fetch: (chunks: readonly number[]) => Promise<void>;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Milliseconds. */
  readonly now?: (() => number) | undefined;
}

/**
 * Fetches chunks that nobody waits for, in their order and little at a time: whoever misses something else queues on the link behind what is under way. How much that may be is learnt
 * from how long it takes: as much as a link holds, and hardly more. A reader who is further than foreseen is followed, and what he passed over comes last.
 */
export class PacedFetches {
  readonly #chunks: readonly number[];
  readonly #parts: PacedFetchesParts;
  readonly #places: ReadonlyMap<number, number>;
  #next = 0;
  /** Places in a row, up to the next one, where nothing is missing. */
  #passed = 0;
  #groups = minGroups;

  /** @param chunks each once, in the order in which they are expected to be read */
  constructor(chunks: readonly number[], parts: PacedFetchesParts) {
    this.#chunks = chunks;
    this.#parts = parts;
    this.#places = new Map(chunks.map((chunk, place) => [chunk, place]));
  }

  /** Resolves when all have come, or will not. */
  async run(): Promise<void> {
    const under = new Set<Promise<void>>();
    while (!this.#parts.signal.aborted) {
      const group = this.#takeGroup();
      if (group.length === 0) break;
      const one: Promise<void> = this.#timed(group).finally(() => under.delete(one));
      under.add(one);
      while (under.size >= this.#groups) await Promise.race(under);
    }
    await Promise.all(under);
  }

  /** A reader misses this chunk: if it is one of them, it goes on behind it. */
  follow(chunk: number): void {
    const place = this.#places.get(chunk);
    if (place === undefined) return;
    this.#next = place + 1;
    this.#passed = 0;
  }

  async #timed(group: readonly number[]): Promise<void> {
    const { fetch, now = () => performance.now() } = this.#parts;
    const sinceMs = now();
    await fetch(group);
    const tookMs = now() - sinceMs;
    if (tookMs < unhurriedMs) this.#groups = Math.min(maxGroups, this.#groups + 1);
    else if (tookMs > 2 * unhurriedMs) this.#groups = Math.max(minGroups, this.#groups - 1);
  }

  /** The next ones that are missing; behind the last place comes the first one. */
  #takeGroup(): number[] {
    const { sizeOf, isMissing } = this.#parts;
    const group: number[] = [];
    for (let bytes = 0; bytes < groupBytes && this.#passed < this.#chunks.length; this.#next++, this.#passed++) {
      const chunk = this.#chunks[this.#next % this.#chunks.length];
      if (chunk === undefined || group.includes(chunk) || !isMissing(chunk)) continue;
      group.push(chunk);
      bytes += sizeOf(chunk);
    }
    return group;
  }
}
