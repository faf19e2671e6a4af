import type { HttpRequest } from "./http-request.js";
import type { RequestMeter } from "./metering.js";

/** What the meter is told about one exchange, once. */
export class Exchange {
  readonly #started = performance.now();
  readonly #http: HttpRequest;
  readonly #meter: RequestMeter | undefined;
  #ended = false;
  status: number | undefined;
  bytes = 0;
  sentBytes = 0;

  constructor(http: HttpRequest, meter: RequestMeter | undefined) {
    this.#http = http;
    this.#meter = meter;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const { kind, method, url } = this.#http;
    const { bytes, sentBytes, status } = this;
    this.#meter?.({
      method,
      kind,
      host: url.host,
      status,
      bytes,
      sentBytes,
      durationMs: performance.now() - this.#started,
    });
  }
}
