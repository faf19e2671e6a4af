import type { AbortOptions, Digest } from "@sluice/oci/content";
import { LRUCache } from "lru-cache";
import { ChunkMissingError } from "../chunk/chunk-source.js";
import type { ChunkStore } from "../chunk/chunk-store.js";
import type { BlobRangeSource } from "./blob-ranges.js";
import { type FetchOptions, stagesOf } from "./chunk-wait.js";
import { checkFetchConfig, defaultFetchConfig, type FetchConfig } from "./fetch-config.js";
import { ChunkFetchError, FetcherClosedError } from "./fetch-errors.js";
import { type ChunkPlace, type FetchCause, placeName, rankOf } from "./fetch-request.js";
import { FetchCounters, type FetchStats } from "./fetch-stats.js";
import { Flight, type UseBytes } from "./flight.js";
import { RangeCarrier } from "./range-carrier.js";
import { RequestRunner } from "./request-runner.js";

export interface ChunkFetcherOptions {
  readonly source: BlobRangeSource;
  readonly store: ChunkStore;
  readonly config?: Partial<FetchConfig> | undefined;
  /** Whether another attempt would be pointless, such as after a 404. By default every failure is tried again. */
  readonly isPermanent?: ((error: unknown) => boolean) | undefined;
  /** Whether the reason of a waiter's signal says that its time is up, and not that it went away. By default none does. */
  readonly isDeadline?: ((reason: unknown) => boolean) | undefined;
  /** For the log: what the store failed with that is not a full or failing disk. */
  readonly onStoreError?: ((error: unknown) => void) | undefined;
}

export interface StreamOptions extends AbortOptions {
  /** Called for each chunk that the stream was to bring once it is in the store, whoever brought it. Must not throw. */
  readonly onStored?: ((place: ChunkPlace) => void) | undefined;
}

/**
 * Chunks from the store, else from their blobs: verified, kept, each on its way only once.
 *
 * - All who want a chunk share one flight. One may leave by its signal; the last who leaves ends it.
 * - What is asked for within one turn of the event loop is planned together, so neighbours share a request, and a chunk lands as soon as its
 *   own bytes are there.
 * - Demand has lanes of its own and goes before startup, read-ahead, background. A reader who asks for a chunk that waits in a lesser queue lifts it out.
 * - A store that cannot keep a chunk delays nobody.
 */
export class ChunkFetcher {
  readonly #store: ChunkStore;
  readonly #config: FetchConfig;
  readonly #onStoreError: (error: unknown) => void;
  readonly #isDeadline: (reason: unknown) => boolean;
  readonly #carrier: RangeCarrier;
  readonly #runner: RequestRunner;
  readonly #counters: FetchCounters = new FetchCounters();
  readonly #flights: Map<Digest, Flight> = new Map();
  /** What was given up a moment ago, by {@link placeName}: another image may say rightly what one says wrongly. */
  readonly #failed: LRUCache<string, ChunkFetchError>;
  #isClosed = false;

  constructor(options: ChunkFetcherOptions) {
    const { source, store } = options;
    const config = checkFetchConfig({ ...defaultFetchConfig, ...options.config });
    this.#store = store;
    this.#failed = new LRUCache({ max: 1000, ttl: config.failureMemoryMs });
    this.#config = config;
    this.#onStoreError = options.onStoreError ?? (() => undefined);
    this.#isDeadline = options.isDeadline ?? (() => false);
    this.#carrier = new RangeCarrier({
      source,
      store,
      config,
      counters: this.#counters,
      onKept: (flight, isStored) => {
        this.#forget(flight);
        if (isStored) flight.onStored?.();
      },
      onStoreError: this.#onStoreError,
    });
    this.#runner = new RequestRunner({
      carrier: this.#carrier,
      config,
      counters: this.#counters,
      isPermanent: options.isPermanent ?? (() => false),
      onGivenUp: (place, error) => this.#failed.set(placeName(place), error),
      forget: (flight) => this.#forget(flight),
    });
  }

  /**
   * Gives the chunk's bytes, verified, to `use`, which must not change them.
   *
   * @throws {ChunkFetchError} when the attempts are used up, also if that was a moment ago. A reader (`demand`) whom a failure meets that may pass waits until its signal fires
   */
  async fetch(place: ChunkPlace, cause: FetchCause, use: UseBytes, options?: FetchOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    if (this.#isClosed) throw new FetcherClosedError();
    const remembered = this.#carrier.remembered(place.id);
    if (remembered !== undefined) return use(remembered);
    const failed = this.#failed.get(placeName(place));
    if (failed !== undefined) throw failed;
    const sinceMs = performance.now();
    const joined = this.#flights.get(place.id)?.cause;
    const flight = this.#join(place, cause) ?? this.#begin(place, cause);
    flight.onStored ??= options?.onStored;
    try {
      await this.#wait(flight, use, options);
    } finally {
      tellOfWait(flight, sinceMs, joined, options);
    }
  }

  /**
   * Brings what is missing into the store, a bounded number at a time, and resolves when all is there. Chunks that cannot be fetched are passed over: a
   * reader who wants one will learn why.
   */
  async prefetch(
    places: Iterable<ChunkPlace>,
    cause: Exclude<FetchCause, "demand">,
    options?: AbortOptions,
  ): Promise<void> {
    const under = new Set<Promise<void>>();
    try {
      for (const place of places) {
        options?.signal?.throwIfAborted();
        if (this.#isClosed) throw new FetcherClosedError();
        const one: Promise<void> = this.#prefetchOne(place, cause, options).finally(() => under.delete(one));
        under.add(one);
        if (under.size >= this.#config.maxPrefetchChunks) await Promise.race(under);
      }
    } finally {
      await Promise.all(under);
    }
    options?.signal?.throwIfAborted();
  }

  /**
   * One streaming request for chunks that lie in this order in one blob; those in the store already are left out. Readers who ask for one of
   * them meanwhile wait for the stream, but not for long where it is late. A stream that breaks is taken up again where it stopped; what it does not bring is
   * fetched as usual, if a reader waits for it.
   *
   * @param places by rising start of their frames
   * @throws what ended the stream early
   */
  async stream(places: readonly ChunkPlace[], options?: StreamOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    if (this.#isClosed) throw new FetcherClosedError();
    await this.#runner.stream(await this.#expect(places, options), options?.signal);
  }

  /** A flight for each chunk that is neither here nor on its way. The stream itself counts as a waiter of each. */
  async #expect(places: readonly ChunkPlace[], options?: StreamOptions): Promise<Flight[]> {
    const flights: Flight[] = [];
    try {
      for (const place of places) {
        if ((await this.#store.has(place.id, options)) || this.#flights.has(place.id)) continue;
        if (this.#isClosed) throw new FetcherClosedError();
        const flight = new Flight(place, "startup");
        flight.waiters = 1;
        flight.onStored = () => options?.onStored?.(place);
        this.#flights.set(place.id, flight);
        flights.push(flight);
      }
      return flights;
    } catch (error) {
      this.#runner.leaveStream(flights);
      throw error;
    }
  }

  stats(): FetchStats {
    return this.#counters.snapshot();
  }

  /** Fails what is on its way. The store stays open, and nothing is written to it any more when this resolves. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const reason = new FetcherClosedError();
    for (const flight of this.#flights.values()) flight.fail(reason);
    this.#flights.clear();
    await this.#runner.close(reason);
  }

  async #prefetchOne(place: ChunkPlace, cause: FetchCause, options?: AbortOptions): Promise<void> {
    try {
      if (!this.#flights.has(place.id) && (await this.#store.has(place.id, options))) return;
      await this.fetch(place, cause, () => undefined, options);
    } catch {
      // counted as a failure, or aborted: the caller's loop sees the signal
    }
  }

  #join(place: ChunkPlace, cause: FetchCause): Flight | undefined {
    const flight = this.#flights.get(place.id);
    if (flight === undefined) return undefined;
    if (rankOf[cause] > rankOf[flight.cause]) this.#runner.lift(flight, cause);
    flight.addPlace(place);
    return flight;
  }

  #begin(place: ChunkPlace, cause: FetchCause): Flight {
    const flight = new Flight(place, cause);
    this.#flights.set(place.id, flight);
    void this.#lookUp(flight);
    return flight;
  }

  async #lookUp(flight: Flight): Promise<void> {
    try {
      flight.land(await this.#store.get(flight.place.id));
      this.#forget(flight);
    } catch (error) {
      if (!(error instanceof ChunkMissingError)) this.#onStoreError(error);
      flight.passed.lookedUp = performance.now();
      if (!flight.settled && this.#flights.get(flight.place.id) === flight) this.#runner.schedule(flight);
    }
  }

  /**
   * A chunk that failed until a waiter's time was up is remembered as failed, so that the kernel's next try for the same pages is told at once; and the waiter is told what it
   * failed with, not only that its time is up.
   */
  async #wait(flight: Flight, use: UseBytes, options?: AbortOptions): Promise<void> {
    flight.waiters++;
    if (flight.cause === "demand") flight.stream?.awaited(flight);
    try {
      await flight.wait(use, options);
    } catch (error) {
      const { failure, place } = flight;
      if (failure !== undefined && this.#isDeadline(error)) {
        const { attempts, cause } = failure;
        const late = new ChunkFetchError(place.id, place.blob, attempts, { cause, until: error });
        this.#failed.set(placeName(place), late);
        throw late;
      }
      throw error;
    } finally {
      flight.waiters--;
      this.#runner.leave(flight);
    }
  }

  #forget(flight: Flight): void {
    if (this.#flights.get(flight.place.id) === flight) this.#flights.delete(flight.place.id);
  }
}

function tellOfWait(flight: Flight, sinceMs: number, joined: FetchCause | undefined, options?: FetchOptions): void {
  if (options?.onWaited === undefined) return;
  const nowMs = performance.now();
  const cause = flight.failure?.cause;
  const failure = cause instanceof Error ? cause.message : cause;
  options.onWaited({
    totalMs: nowMs - sinceMs,
    stagesMs: stagesOf(flight.passed, sinceMs, nowMs),
    joined,
    failure: failure === undefined ? undefined : String(failure),
  });
}
