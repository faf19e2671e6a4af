/** How chunks are fetched. Bytes are compressed ones. */
export interface FetchConfig {
  /** Requests at once. */
  readonly maxRequests: number;
  /** Of these, kept free for readers that wait. */
  readonly demandRequests: number;
  /** Two frames with at most this between them are fetched in one request, and the gap thrown away. */
  readonly coalesceGapBytes: number;
  /** The longest range of one request, unless a single frame is longer. */
  readonly maxRangeBytes: number;
  /** How long a reader waits for a chunk of the startup stream before it is fetched for him alone; also when it is foreseen. */
  readonly streamPatienceMs: number;
  /** A request that a reader waits for and that has brought nothing for so long gets a second one beside it. */
  readonly hedgeAfterMs: number;
  /** Ends an attempt on which nothing arrives for so long. */
  readonly stallTimeoutMs: number;
  /**
   * Requests in all, the first included, for failures that look permanent and for chunks that no reader waits for. Any other failure is tried again for as
   * long as a reader waits.
   */
  readonly maxAttempts: number;
  /** Before the second attempt; doubles with each. */
  readonly retryDelayMs: number;
  readonly maxRetryDelayMs: number;
  /** Whoever asks for a chunk so soon after it was given up gets the same error. */
  readonly failureMemoryMs: number;
  /** Chunks that one `prefetch` call has under way at once. */
  readonly maxPrefetchChunks: number;
  /** Chunks on their way into the store. What comes beyond waits for them, and is kept in memory when they do not move. Uncompressed bytes. */
  readonly pendingBytes: number;
  /** Chunks kept in memory while the store cannot keep them, so that 32 reads of 4 KiB are not 32 requests. Uncompressed bytes. */
  readonly memoryBytes: number;
}

export const defaultFetchConfig: FetchConfig = {
  maxRequests: 8, // fills 1 Gbit/s at 20 ms with ranges of half a MiB; each holds about 2 MiB
  demandRequests: 2,
  coalesceGapBytes: 64 * 1024, // 5 ms at 100 Mbit/s, less than another round trip
  maxRangeBytes: 4 * 1024 * 1024,
  streamPatienceMs: 1000, // the chunk comes twice then, so only where the stream brings it late by much more than a round trip
  hedgeAfterMs: 3000, // far above a round trip, also behind a stream that fills a slow link
  stallTimeoutMs: 10_000, // leaves time for more attempts within the default deadline of 60 s a read
  maxAttempts: 3,
  retryDelayMs: 100,
  maxRetryDelayMs: 2000, // what a reader loses at most once the registry is back
  failureMemoryMs: 1000,
  maxPrefetchChunks: 64,
  pendingBytes: 16 * 1024 * 1024, // two of the batches that the store writes: one is written while the next comes
  memoryBytes: 16 * 1024 * 1024,
};

/** @throws {RangeError} naming the setting that cannot work */
export function checkFetchConfig(config: FetchConfig): FetchConfig {
  for (const [name, value] of Object.entries(config)) {
    const least = name === "coalesceGapBytes" || name === "retryDelayMs" || name === "memoryBytes" ? 0 : 1;
    if (!Number.isSafeInteger(value) || value < least) {
      throw new RangeError(`fetch.${name}: ${value} is not a whole number of at least ${least}`);
    }
  }
  if (config.demandRequests >= config.maxRequests) {
    throw new RangeError(
      `fetch.demandRequests: ${config.demandRequests} must be less than fetch.maxRequests, ${config.maxRequests}`,
    );
  }
  return config;
}
