import { setTimeout as sleep } from "node:timers/promises";
import type { ByteRange, Digest } from "@sluice/oci/content";
import { BlobBackoff } from "./blob-backoff.js";
import type { FetchConfig } from "./fetch-config.js";
import { ChunkFetchError, isWrongBytes, looksPermanent } from "./fetch-errors.js";
import type { ChunkPlace, FetchCause } from "./fetch-request.js";
import type { FetchCounters } from "./fetch-stats.js";
import type { Flight, RangeRequest } from "./flight.js";
import { Hedges } from "./hedge.js";
import { planRanges } from "./plan-ranges.js";
import type { RangeCarrier } from "./range-carrier.js";
import { RangeQueue } from "./range-queue.js";
import { StartupStream } from "./startup-stream.js";

export interface RunnerParts {
  readonly carrier: RangeCarrier;
  readonly config: FetchConfig;
  readonly counters: FetchCounters;
  readonly isPermanent: (error: unknown) => boolean;
  /** Given up for readers too: the next one who asks at once is told. Not of what nobody waited for and what may pass. */
  readonly onGivenUp: (place: ChunkPlace, error: ChunkFetchError) => void;
  /** The flight has ended; a new waiter begins another. */
  readonly forget: (flight: Flight) => void;
}

/** Turns flights into ranged requests: gathers, plans, queues, tries again, and never leaves a flight that somebody waits for without a request. */
export class RequestRunner {
  readonly #parts: RunnerParts;
  readonly #queue: RangeQueue;
  readonly #backoff: BlobBackoff;
  readonly #requests: Set<RangeRequest> = new Set();
  readonly #running: Set<Promise<void>> = new Set();
  readonly #hedges: Hedges;
  #gathered: Flight[] = [];
  readonly #closing = new AbortController();

  constructor(parts: RunnerParts) {
    this.#parts = parts;
    this.#queue = new RangeQueue(parts.config);
    this.#backoff = new BlobBackoff(parts.config);
    this.#hedges = new Hedges({
      config: parts.config,
      carry: (request, flights) => this.#tracked(() => parts.carrier.attempt(request, flights)),
    });
  }

  /** Into the next plan: at the end of this turn of the event loop, so that what is asked for together is planned together. */
  schedule(flight: Flight): void {
    flight.request = undefined;
    this.#gathered.push(flight);
    if (this.#gathered.length === 1) setImmediate(() => this.#dispatch());
  }

  /** A more urgent waiter came. Takes the chunk out of a request that has not begun. */
  lift(flight: Flight, cause: FetchCause): void {
    flight.cause = cause;
    const { request } = flight;
    if (request === undefined || request.started) return;
    request.flights.splice(request.flights.indexOf(flight), 1);
    this.schedule(flight);
  }

  /** A waiter left. Ends the flight if it was the last, unless the request goes on for others and brings the chunk anyway. */
  leave(flight: Flight): void {
    if (flight.waiters > 0 || flight.settled) return;
    const { request } = flight;
    if (request === undefined) {
      this.#parts.forget(flight);
    } else if (!request.started) {
      request.flights.splice(request.flights.indexOf(flight), 1);
      this.#parts.forget(flight);
    } else if (!request.flights.some(isWanted)) {
      request.stop.abort(new DOMException("nobody waits for the chunks of this request", "AbortError"));
      for (const other of request.flights) this.#parts.forget(other);
    }
  }

  /**
   * One long request for what a start needs. The caller counts as a waiter of each flight and stops being one here.
   *
   * @param flights by rising start of their frames, of one blob
   * @throws what ended it early
   */
  async stream(flights: readonly Flight[], signal: AbortSignal | undefined): Promise<void> {
    const { config, isPermanent } = this.#parts;
    const stream = new StartupStream(
      {
        config,
        isPermanent: (error) => this.#closing.signal.aborted || isPermanent(error),
        carry: (part, stop, onBegin) => this.#carryPart(part, stop, onBegin),
        pause: async (flight, stop) => {
          this.#parts.counters.retries++;
          this.#backoff.failed(flight.place.blob);
          const signals = [this.#closing.signal, ...(stop ? [stop] : [])];
          await pauseFor(this.#backoff.remainingMs(flight.place.blob), AbortSignal.any(signals));
          this.#closing.signal.throwIfAborted();
        },
        giveUp: (failed, attempts, cause) => {
          const replaceable = failed.filter(
            (flight) => flight.place.isReplaceable === true && !flight.isKnownElsewhere,
          );
          this.#giveUp(replaceable, attempts, cause, false);
        },
        release: (flight) => this.leaveStream([flight]),
      },
      flights,
    );
    await stream.run(signal);
    this.#closing.signal.throwIfAborted(); // the flights ended, and not because they came
  }

  /** One attempt at the flights of a stream, which may leave it meanwhile. */
  async #carryPart(
    flights: readonly Flight[],
    signal: AbortSignal | undefined,
    onBegin: (request: RangeRequest) => void,
  ): Promise<void> {
    const [first] = flights;
    if (first === undefined) return;
    const range = { start: first.place.frame.start, end: flights.at(-1)?.place.frame.end ?? 0 };
    const request = this.#request(first.place.blob, range, "startup", [...flights]);
    request.started = true;
    onBegin(request);
    const onAbort = (): void => request.stop.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      signal?.throwIfAborted();
      await this.#run(request, () => this.#parts.carrier.attempt(request, flights));
      this.#backoff.succeeded(request.blob);
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#requests.delete(request);
    }
  }

  /** What a stream does not bring is fetched as usual if somebody else waits for it. */
  leaveStream(flights: readonly Flight[]): void {
    for (const flight of flights) flight.waiters--;
    this.#sweep(flights);
  }

  /** Ends all requests, and waits until what they had brought is in the store. */
  async close(reason: Error): Promise<void> {
    this.#closing.abort(reason);
    this.#gathered = [];
    for (const request of this.#requests) request.stop.abort(reason);
    await Promise.allSettled(this.#running);
    await this.#parts.carrier.settled();
  }

  #dispatch(): void {
    const wanted = this.#gathered.filter(isWanted);
    this.#gathered = [];
    for (const plan of planRanges(wanted, this.#parts.config)) {
      void this.#launch(this.#request(plan.blob, plan.range, plan.cause, [...plan.wanted]));
    }
  }

  async #launch(request: RangeRequest): Promise<void> {
    try {
      await this.#carry(request);
    } finally {
      this.#requests.delete(request);
      this.#sweep(request.flights);
    }
  }

  /** In its lane. Rejects as soon as the request is stopped, while the task may still be winding down. */
  async #run(request: RangeRequest, task: () => Promise<void>): Promise<void> {
    await this.#queue.run(request.cause, () => this.#tracked(task), request.stop.signal);
  }

  /** Under way until it has settled: {@link close} waits for it. */
  #tracked(task: () => Promise<void>): Promise<void> {
    const running = task();
    this.#running.add(running);
    const done = (): boolean => this.#running.delete(running);
    running.then(done, done);
    return running;
  }

  /** Attempts until every chunk of the request that somebody wants has landed or failed. Between two attempts the lane is free for others. */
  async #carry(request: RangeRequest): Promise<void> {
    const { isPermanent, config } = this.#parts;
    const { signal } = request.stop;
    let permanent = 0;
    let ownPauseMs = 0;
    for (let attempt = 1; request.flights.some(isWanted) && !signal.aborted; attempt++) {
      await pauseFor(Math.max(ownPauseMs, this.#backoff.remainingMs(request.blob)), signal);
      try {
        await this.#run(request, () => this.#attempt(request));
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (looksPermanent(error)) permanent++;
        ownPauseMs = this.#noteFailure(request, attempt, error);
        const isLasting = isPermanent(error) || permanent >= config.maxAttempts;
        this.#giveUp(this.#hopeless(request, attempt, isLasting), attempt, error, isLasting);
        if (request.flights.some(isWanted)) this.#parts.counters.retries++;
      }
    }
  }

  /** Of wrong bytes the blob knows nothing: it may be right, and one image wrong about what lies there. @returns how long to leave just this request alone */
  #noteFailure(request: RangeRequest, attempts: number, cause: unknown): number {
    for (const flight of request.flights) flight.failure = { attempts, cause };
    if (isWrongBytes(cause)) return this.#parts.config.retryDelayMs;
    this.#backoff.failed(request.blob, cause);
    return 0;
  }

  async #attempt(request: RangeRequest): Promise<void> {
    request.started = true;
    const wanted = request.flights.filter(isWanted);
    if (wanted.length === 0) return;
    const attempt = (): Promise<void> => this.#parts.carrier.attempt(request, wanted);
    await (request.cause === "demand" ? this.#hedges.around(request, attempt) : attempt());
    this.#backoff.succeeded(request.blob);
  }

  /** The flights of a failed request that are not tried again. */
  #hopeless(request: RangeRequest, attempts: number, isLasting: boolean): readonly Flight[] {
    const wanted = request.flights.filter(isWanted);
    if (isLasting) return wanted;
    return attempts < this.#parts.config.maxAttempts
      ? []
      : wanted.filter(({ cause, place }) => cause !== "demand" || place.isReplaceable === true);
  }

  /** What a request did not settle: chunks that lost their waiters on the way, and some that got a new one too late for it. */
  #sweep(flights: readonly Flight[]): void {
    for (const flight of flights) {
      if (flight.settled) continue;
      if (flight.waiters > 0 && !this.#closing.signal.aborted) this.#reschedule(flight, false);
      else this.#parts.forget(flight);
    }
  }

  #reschedule(flight: Flight, isHopeless: boolean): void {
    flight.moveOn(isHopeless);
    this.schedule(flight);
  }

  #giveUp(flights: readonly Flight[], attempts: number, cause: unknown, isLasting: boolean): void {
    for (const flight of flights) {
      if (flight.settled) continue;
      if (flight.isKnownElsewhere) {
        flight.request?.flights.splice(flight.request.flights.indexOf(flight), 1);
        this.#reschedule(flight, true);
        continue;
      }
      this.#parts.counters.failures++;
      const { id, blob } = flight.place;
      const error = new ChunkFetchError(id, blob, attempts, { cause });
      if (isLasting || flight.place.isReplaceable === true) this.#parts.onGivenUp(flight.place, error);
      flight.fail(error);
      this.#parts.forget(flight);
    }
  }

  #request(blob: Digest, range: ByteRange, cause: FetchCause, flights: Flight[]): RangeRequest {
    const request: RangeRequest = {
      blob,
      range,
      cause,
      flights,
      stop: new AbortController(),
      started: false,
      progress: undefined,
    };
    for (const flight of flights) flight.request = request;
    this.#requests.add(request);
    return request;
  }
}

const isWanted = (flight: Flight): boolean => flight.waiters > 0 && !flight.settled;

/** Ends early when the signal fires. */
const pauseFor = async (pauseMs: number, signal: AbortSignal | undefined): Promise<void> => {
  if (pauseMs > 0) await sleep(pauseMs, undefined, signal ? { signal } : {}).catch(() => undefined);
};
