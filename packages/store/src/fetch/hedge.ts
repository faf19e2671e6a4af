import type { FetchConfig } from "./fetch-config.js";
import type { Flight, RangeRequest } from "./flight.js";

export interface HedgeParts {
  readonly config: Pick<FetchConfig, "hedgeAfterMs" | "demandRequests">;
  /** Makes one attempt at the flights. */
  readonly carry: (request: RangeRequest, flights: readonly Flight[]) => Promise<void>;
}

/**
 * Second requests for chunks whose first one says nothing, while a reader waits: of the two, the faster one counts. A connection that hangs costs a reader little then, and not
 * the whole time after which it is given up.
 */
export class Hedges {
  readonly #parts: HedgeParts;
  #underWay = 0;

  constructor(parts: HedgeParts) {
    this.#parts = parts;
  }

  /**
   * Runs `attempt`, the attempt at `request`, and if nothing has come of it after a while a second one beside it. When the second one has brought everything, the request is
   * stopped; when the first one ends, the second one is.
   */
  async around(request: RangeRequest, attempt: () => Promise<void>): Promise<void> {
    const { hedgeAfterMs, demandRequests } = this.#parts.config;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      const isSilent = (request.progress?.bytes ?? 0) === 0;
      if (isSilent && this.#underWay < demandRequests) void this.#second(request, stop);
    }, hedgeAfterMs);
    try {
      await attempt();
    } finally {
      clearTimeout(timer);
      stop.abort(new DOMException("the first request was faster", "AbortError"));
    }
  }

  /** Never rejects: what went wrong matters only where the first one fails, too. */
  async #second(request: RangeRequest, stop: AbortController): Promise<void> {
    const flights = request.flights.filter((flight) => flight.waiters > 0 && !flight.settled);
    this.#underWay++;
    try {
      await this.#parts.carry({ ...request, flights, stop, progress: undefined }, flights);
      request.stop.abort(new DOMException("a second request was faster", "AbortError"));
    } catch {
      // the first one goes on
    } finally {
      this.#underWay--;
    }
  }
}
