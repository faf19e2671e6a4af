import { AsyncLocalStorage } from "node:async_hooks";
import { ROOT_CONTEXT, type Span, SpanStatusCode, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { Facts, Tracer } from "./tracing.js";

/** A collector that is away holds up neither the daemon's end nor its memory: spans that find the queue full are dropped. Milliseconds. */
const exportTimeoutMs = 2000;
const maxQueueSize = 2048;
/** Soon enough to watch a start. Milliseconds. */
const exportEveryMs = 1000;

interface Step {
  readonly span: Span;
  /** What `performance.now()` lacks to the time of day; the outermost step's, so that no step seems to end after the one around it. Milliseconds. */
  readonly epochMs: number;
}

/** Sends steps as OpenTelemetry spans, as OTLP over HTTP in JSON. */
export class OtlpTracer implements Tracer {
  readonly #provider: BasicTracerProvider;
  readonly #inside = new AsyncLocalStorage<Step>();

  /** @param endpoint as OTEL_EXPORTER_OTLP_ENDPOINT: `/v1/traces` is below it. That variable and its kin are obeyed in all that this does not say */
  constructor(endpoint: string | undefined, version: string) {
    const url = endpoint === undefined ? {} : { url: `${endpoint.replace(/\/+$/, "")}/v1/traces` };
    const exporter = new OTLPTraceExporter({ ...url, timeoutMillis: exportTimeoutMs });
    const processor = new BatchSpanProcessor(exporter, {
      ...{ maxQueueSize, scheduledDelayMillis: exportEveryMs, exportTimeoutMillis: exportTimeoutMs },
    });
    this.#provider = new BasicTracerProvider({
      resource: resourceFromAttributes({ "service.name": "sluice", "service.version": version }),
      spanProcessors: [processor],
    });
  }

  async step<T>(name: string, facts: Facts, work: () => Promise<T>): Promise<T> {
    const around = this.#inside.getStore();
    const epochMs = around?.epochMs ?? Date.now() - performance.now();
    const context = around === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, around.span);
    const options = { attributes: facts, startTime: epochMs + performance.now() };
    const span = this.#provider.getTracer("sluice").startSpan(name, options, context);
    try {
      return await this.#inside.run({ span, epochMs }, work);
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
      throw error;
    } finally {
      span.end(epochMs + performance.now());
    }
  }

  here(): <T>(work: () => T) => T {
    const step = this.#inside.getStore();
    return step === undefined ? (work) => work() : (work) => this.#inside.run(step, work);
  }

  /** Sends what is left, within moments. Never rejects. */
  async close(): Promise<void> {
    await this.#provider.shutdown().catch(() => undefined); // the collector is away
  }
}
