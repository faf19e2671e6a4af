import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** What one server counts. Each server has its own: two of them in a process do not mix. */
export class ServerMetrics {
  readonly #registry = new Registry();
  readonly #requests = new Counter({
    name: "sluice_http_requests_total",
    help: "Requests that were answered.",
    labelNames: ["method", "route", "status"],
    registers: [this.#registry],
  });
  readonly #seconds = new Histogram({
    name: "sluice_http_request_seconds",
    help: "From the request's head to the last byte of its answer.",
    labelNames: ["method", "route"],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60],
    registers: [this.#registry],
  });
  readonly #bytes = new Counter({
    name: "sluice_http_body_bytes_total",
    help: "Bytes of bodies, received and sent.",
    labelNames: ["direction", "route"],
    registers: [this.#registry],
  });

  /** @param openUploads is asked whenever the metrics are read */
  constructor(openUploads: () => number) {
    const registers = [this.#registry];
    new Gauge({
      name: "sluice_uploads_open",
      help: "Uploads that were begun and have not ended.",
      registers,
      async collect() {
        this.set(openUploads());
      },
    });
    new Gauge({
      name: "process_resident_memory_bytes",
      help: "Memory of the process.",
      registers,
      collect() {
        this.set(process.memoryUsage.rss());
      },
    });
  }

  /** One answered request; `route` is a kind of path, never a name in it. */
  count(answered: AnsweredRequest): void {
    const { method, route, status, seconds, receivedBytes, sentBytes } = answered;
    this.#requests.inc({ method, route, status });
    this.#seconds.observe({ method, route }, seconds);
    if (receivedBytes > 0) this.#bytes.inc({ direction: "received", route }, receivedBytes);
    if (sentBytes > 0) this.#bytes.inc({ direction: "sent", route }, sentBytes);
  }

  /** Prometheus text format. */
  async text(): Promise<{ readonly contentType: string; readonly text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }
}

export interface AnsweredRequest {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}
