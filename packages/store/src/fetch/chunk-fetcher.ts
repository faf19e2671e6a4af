import { setTimeout as sleep } from "node:timers/promises";
import type { AbortOptions, Digest } from "@sluice/oci";
import { ChunkMissingError } from "../chunk/chunk-source.js";
import type { ChunkStore } from "../chunk/chunk-store.js";
import type { BlobRangeSource } from "./blob-ranges.js";
import { checkFetchConfig, defaultFetchConfig, type FetchConfig } from "./fetch-config.js";
import { ChunkFetchError, FetcherClosedError } from "./fetch-errors.js";
import { type ChunkPlace, type FetchCause, rankOf } from "./fetch-request.js";
import { FetchCounters, type FetchStats } from "./fetch-stats.js";
import { abortable, Flight } from "./flight.js";
import { planRanges } from "./plan-ranges.js";
import { RangeCarrier } from "./range-carrier.js";
import { RangeQueue } from "./range-queue.js";
import type { RangeRequest } from "./range-request.js";

export interface ChunkFetcherOptions {
  readonly source: BlobRangeSource;
  readonly store: ChunkStore;
  readonly config?: Partial<FetchConfig> | undefined;
  /** Whether another attempt would be pointless, such as after a 404. By default every failure is tried again. */
  readonly isPermanent?: ((error: unknown) => boolean) | undefined;
  /** For the log: what the store failed with that is not a full or failing disk. */
  readonly onStoreError?: ((error: unknown) => void) | undefined;
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
  readonly #isPermanent: (error: unknown) => boolean;
  readonly #onStoreError: (error: unknown) => void;
  readonly #carrier: RangeCarrier;
  readonly #queue: RangeQueue;
  readonly #counters: FetchCounters = new FetchCounters();
  readonly #flights: Map<Digest, Flight> = new Map();
  readonly #requests: Set<RangeRequest> = new Set();
  #gathered: Flight[] = [];
  #isClosed = false;

  constructor(options: ChunkFetcherOptions) {
    const { source, store } = options;
    const config = checkFetchConfig({ ...defaultFetchConfig, ...options.config });
    this.#store = store;
    this.#config = config;
    this.#isPermanent = options.isPermanent ?? (() => false);
    this.#onStoreError = options.onStoreError ?? (() => undefined);
    this.#queue = new RangeQueue(config);
    this.#carrier = new RangeCarrier({
      source,
      store,
      config,
      counters: this.#counters,
      onKept: (flight) => this.#forget(flight),
      onStoreError: this.#onStoreError,
    });
  }

  /**
   * The chunk's bytes, verified. The caller must not change them.
   *
   * @throws {ChunkFetchError} when the attempts are used up
   */
  async fetch(place: ChunkPlace, cause: FetchCause, options?: AbortOptions): Promise<Uint8Array> {
    options?.signal?.throwIfAborted();
    if (this.#isClosed) throw new FetcherClosedError();
    const remembered = this.#carrier.remembered(place.id);
    if (remembered !== undefined) return remembered;
    const flight = this.#join(place, cause) ?? this.#begin(place, cause);
    return await this.#wait(flight, options);
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
   * them meanwhile wait for the stream. What it does not bring is fetched as usual, if a reader waits for it.
   *
   * @param places by rising start of their frames
   * @throws what ended the stream early
   */
  async stream(places: readonly ChunkPlace[], options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    if (this.#isClosed) throw new FetcherClosedError();
    const flights = await this.#expect(places, options);
    const first = flights[0];
    const last = flights.at(-1);
    if (first === undefined || last === undefined) return;
    const range = { start: first.place.frame.start, end: last.place.frame.end };
    const request = this.#request(first.place.blob, range, "startup", flights);
    request.started = true;
    const onAbort = (): void => request.stop.abort(options?.signal?.reason);
    options?.signal?.addEventListener("abort", onAbort, { once: true });
    try {
      options?.signal?.throwIfAborted();
      await this.#queue.run("startup", () => this.#carrier.attempt(request, flights), request.stop.signal);
    } finally {
      options?.signal?.removeEventListener("abort", onAbort);
      this.#requests.delete(request);
      for (const flight of flights) flight.waiters--;
      this.#sweep(flights);
    }
  }

  /** A flight for each chunk that is neither here nor on its way. The stream itself counts as a waiter of each. */
  async #expect(places: readonly ChunkPlace[], options?: AbortOptions): Promise<Flight[]> {
    const flights: Flight[] = [];
    for (const place of places) {
      if (await this.#store.has(place.id, options)) continue;
      if (this.#flights.has(place.id)) continue;
      const flight = new Flight(place, "startup");
      flight.waiters = 1;
      this.#flights.set(place.id, flight);
      flights.push(flight);
    }
    return flights;
  }

  stats(): FetchStats {
    return this.#counters.snapshot();
  }

  /** Fails what is on its way. The store stays open. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const reason = new FetcherClosedError();
    for (const request of this.#requests) request.stop.abort(reason);
    for (const flight of this.#flights.values()) flight.fail(reason);
    this.#flights.clear();
    this.#gathered = [];
  }

  async #prefetchOne(place: ChunkPlace, cause: FetchCause, options?: AbortOptions): Promise<void> {
    try {
      if (!this.#flights.has(place.id) && (await this.#store.has(place.id, options))) return;
      await this.fetch(place, cause, options);
    } catch {
      // counted as a failure, or aborted: the caller's loop sees the signal
    }
  }

  #join(place: ChunkPlace, cause: FetchCause): Flight | undefined {
    const flight = this.#flights.get(place.id);
    if (flight === undefined) return undefined;
    if (rankOf[cause] > rankOf[flight.cause]) this.#lift(flight, cause);
    flight.otherPlace = place;
    return flight;
  }

  /** A more urgent waiter came. Takes the chunk out of a request that has not begun. */
  #lift(flight: Flight, cause: FetchCause): void {
    flight.cause = cause;
    const { request } = flight;
    if (request === undefined || request.started) return;
    request.flights.splice(request.flights.indexOf(flight), 1);
    this.#schedule(flight);
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
      if (!flight.settled && this.#flights.get(flight.place.id) === flight) this.#schedule(flight);
    }
  }

  async #wait(flight: Flight, options?: AbortOptions): Promise<Uint8Array> {
    flight.waiters++;
    try {
      return await abortable(flight.result, options);
    } finally {
      flight.waiters--;
      this.#release(flight);
    }
  }

  /** Ends the flight if nobody waits for it, unless its request goes on for others and brings it anyway. */
  #release(flight: Flight): void {
    if (flight.waiters > 0 || flight.settled) return;
    const { request } = flight;
    if (request === undefined) {
      this.#forget(flight);
    } else if (!request.started) {
      request.flights.splice(request.flights.indexOf(flight), 1);
      this.#forget(flight);
    } else if (!request.flights.some(isWanted)) {
      request.stop.abort(new DOMException("nobody waits for the chunks of this request", "AbortError"));
      for (const other of request.flights) this.#forget(other);
    }
  }

  #forget(flight: Flight): void {
    if (this.#flights.get(flight.place.id) === flight) this.#flights.delete(flight.place.id);
  }

  /** Into the next plan: at the end of this turn of the event loop, so that what is asked for together is planned together. */
  #schedule(flight: Flight): void {
    flight.request = undefined;
    this.#gathered.push(flight);
    if (this.#gathered.length === 1) setImmediate(() => this.#dispatch());
  }

  #dispatch(): void {
    const wanted = this.#gathered.filter(isWanted);
    this.#gathered = [];
    for (const plan of planRanges(wanted, this.#config)) {
      const request = this.#request(plan.blob, plan.range, plan.cause, [...plan.wanted]);
      void this.#launch(request);
    }
  }

  async #launch(request: RangeRequest): Promise<void> {
    try {
      await this.#queue.run(request.cause, () => this.#carry(request), request.stop.signal);
    } catch (error) {
      if (!request.stop.signal.aborted) this.#giveUp(request.flights, 0, error);
    } finally {
      this.#requests.delete(request);
      this.#sweep(request.flights);
    }
  }

  /** Attempts until every chunk of the request that somebody wants has landed or failed. */
  async #carry(request: RangeRequest): Promise<void> {
    request.started = true;
    for (let attempt = 1; ; attempt++) {
      const wanted = request.flights.filter(isWanted);
      if (wanted.length === 0) return;
      try {
        await this.#carrier.attempt(request, wanted);
        return;
      } catch (error) {
        if (request.stop.signal.aborted) return;
        if (attempt >= this.#config.maxAttempts || this.#isPermanent(error)) {
          this.#giveUp(wanted, attempt, error);
          return;
        }
        this.#counters.retries++;
        await sleep(this.#config.retryDelayMs * 2 ** (attempt - 1));
      }
    }
  }

  /** What a request did not settle: chunks that lost their waiters on the way, and some that got a new one too late for it. */
  #sweep(flights: readonly Flight[]): void {
    for (const flight of flights) {
      if (flight.settled) continue;
      if (flight.waiters > 0 && !this.#isClosed) this.#reschedule(flight);
      else this.#forget(flight);
    }
  }

  #reschedule(flight: Flight): void {
    flight.place = flight.otherPlace ?? flight.place;
    this.#schedule(flight);
  }

  #giveUp(flights: readonly Flight[], attempts: number, cause: unknown): void {
    for (const flight of flights) {
      if (flight.settled) continue;
      this.#counters.failures++;
      const { id, blob } = flight.place;
      flight.fail(new ChunkFetchError(id, blob, attempts, { cause }));
      this.#forget(flight);
    }
  }

  #request(blob: Digest, range: RangeRequest["range"], cause: FetchCause, flights: Flight[]): RangeRequest {
    const request: RangeRequest = { blob, range, cause, flights, stop: new AbortController(), started: false };
    for (const flight of flights) flight.request = request;
    this.#requests.add(request);
    return request;
  }
}

const isWanted = (flight: Flight): boolean => flight.waiters > 0 && !flight.settled;
