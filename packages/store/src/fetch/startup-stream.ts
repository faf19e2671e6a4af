import type { FetchConfig } from "./fetch-config.js";
import { isWrongBytes, looksPermanent } from "./fetch-errors.js";
import type { Flight, RangeRequest } from "./flight.js";

/** What a stream needs of whoever runs requests. */
export interface StreamRunner {
  readonly config: Pick<FetchConfig, "coalesceGapBytes" | "maxAttempts" | "streamPatienceMs">;
  readonly isPermanent: (error: unknown) => boolean;
  /** One attempt at one request for flights of one blob, by rising start of their frames. Rejects also when it brought all but some. */
  carry(
    flights: readonly Flight[],
    signal: AbortSignal | undefined,
    onBegin: (request: RangeRequest) => void,
  ): Promise<void>;
  /** The attempt failed; another one follows. Resolves when it makes sense. */
  pause(flight: Flight, signal: AbortSignal | undefined): Promise<void>;
  /** The stream has failed: those flights that readers can do without fail with it. */
  giveUp(flights: readonly Flight[], attempts: number, cause: unknown): void;
  /** The stream stops being a waiter of the flight: it ends, or is fetched as usual if somebody else waits for it. */
  release(flight: Flight): void;
}

/** How often a reader who waits for the stream is looked at, in parts of its patience. */
const looks = 8;

/**
 * The chunks of one start on their way, in one long request; in more where it breaks, or where much that lies between was here already. It is a waiter of each
 * of its flights until they land. Readers who wait for one of them too are not left to it for longer than their patience: then the chunk is
 * fetched for them as any other, whatever the stream does.
 */
export class StartupStream {
  readonly #runner: StreamRunner;
  /** What it still is to bring, in order. */
  readonly #members: Set<Flight>;
  #request: RangeRequest | undefined;
  /** How far the stream was when a reader lost patience with it. Until it gets further, nobody else waits. */
  #lateAt: number | undefined;
  /** Attempts in a row that brought nothing. */
  #failures = 0;

  /** @param flights of one blob, by rising start of their frames; each counts the stream as a waiter */
  constructor(runner: StreamRunner, flights: readonly Flight[]) {
    this.#runner = runner;
    this.#members = new Set(flights);
    for (const flight of flights) flight.stream = this;
  }

  /** @throws what ended it early, after as many attempts in a row without a chunk as the configuration allows; the signal's reason */
  async run(signal: AbortSignal | undefined): Promise<void> {
    const joinedBefore = [...this.#members].filter(({ cause }) => cause === "demand");
    for (const flight of joinedBefore) this.awaited(flight);
    try {
      await this.#bring(signal);
    } catch (error) {
      if (signal?.aborted !== true) this.#runner.giveUp([...this.#members], this.#failures, error);
      throw error;
    } finally {
      this.#letGo([...this.#members]);
    }
  }

  async #bring(signal: AbortSignal | undefined): Promise<void> {
    const { config, isPermanent } = this.#runner;
    for (let part = this.#nextPart(); part.length > 0; part = this.#nextPart()) {
      const error = await this.#attempt(part, signal);
      if (error === undefined) continue;
      signal?.throwIfAborted();
      const isFurther = part.some((flight) => flight.settled);
      this.#failures = isFurther ? 1 : this.#failures + 1;
      // Elsewhere the chunk may be right; the ones behind it are as good as ever.
      if (isWrongBytes(error)) this.#letGo(part);
      else if (isPermanent(error) || looksPermanent(error) || this.#failures >= config.maxAttempts) throw error;
      else await this.#beforeNext(part, isFurther, signal);
    }
  }

  /** A reader waits for a chunk of this stream from now on. */
  awaited(flight: Flight): void {
    const { streamPatienceMs } = this.#runner.config;
    const since = performance.now();
    const look = (): void => {
      if (!this.#members.has(flight) || flight.settled) return;
      const waitedMs = performance.now() - since;
      const isStuck = this.#lateAt !== undefined && this.#lateAt === this.#request?.progress?.bytes;
      if (isStuck || waitedMs + this.#remainingMs(flight) >= streamPatienceMs) {
        this.#lateAt = this.#request?.progress?.bytes;
        this.#letGo([flight]);
      } else setTimeout(look, streamPatienceMs / looks).unref();
    };
    look();
  }

  /** The next chunks that one request brings. */
  #nextPart(): Flight[] {
    const part: Flight[] = [];
    let end = 0;
    for (const flight of this.#members) {
      if (flight.settled) this.#members.delete(flight);
      else if (part.length > 0 && flight.place.frame.start - end > this.#runner.config.coalesceGapBytes) break;
      else {
        part.push(flight);
        end = flight.place.frame.end;
      }
    }
    return part;
  }

  /** @returns what it failed with */
  async #attempt(part: readonly Flight[], signal: AbortSignal | undefined): Promise<unknown> {
    try {
      await this.#runner.carry(part, signal, (request) => {
        this.#request = request;
      });
      return undefined;
    } catch (error) {
      return error;
    } finally {
      this.#request = undefined;
    }
  }

  /** Readers do not wait with it. A stream that got somewhere is taken up again at once. */
  async #beforeNext(part: readonly Flight[], isFurther: boolean, signal: AbortSignal | undefined): Promise<void> {
    this.#letGo(part.filter((flight) => flight.waiters > 1));
    const [first] = part;
    if (first !== undefined && !isFurther) await this.#runner.pause(first, signal);
  }

  /** Until the end of the chunk's frame, at the rate so far. 0 while nothing is known. */
  #remainingMs(flight: Flight): number {
    const progress = this.#request?.progress;
    if (progress === undefined || progress.bytes === 0) return 0;
    const elapsedMs = performance.now() - progress.sinceMs;
    const aheadBytes = flight.place.frame.end - progress.start - progress.bytes;
    return Math.max(0, aheadBytes) * (elapsedMs / progress.bytes);
  }

  #letGo(flights: readonly Flight[]): void {
    for (const flight of flights) {
      if (!this.#members.delete(flight)) continue;
      flight.stream = undefined;
      this.#runner.release(flight);
    }
  }
}
