import { fastify } from "fastify";

/** The metrics could not be offered where the configuration says. */
export class MetricsListenError extends Error {
  override readonly name = "MetricsListenError";
  readonly code = "METRICS_LISTEN";
}

/**
 * Offers the metrics, and nothing else, over TCP.
 *
 * @param listen `host:port` of `metrics.listen`
 * @throws {MetricsListenError}
 */
export async function listenForMetrics(
  listen: string,
  text: () => Promise<string>,
): Promise<{ readonly address: string; close(): Promise<void> }> {
  const colon = listen.lastIndexOf(":");
  const host = listen.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  const server = fastify({ logger: false });
  server.get("/metrics", async (_request, reply) => {
    reply.type("text/plain; version=0.0.4; charset=utf-8");
    return await text();
  });
  try {
    const address = await server.listen({ host, port: Number(listen.slice(colon + 1)) });
    return { address, close: () => server.close() };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new MetricsListenError(`metrics.listen ${listen}: ${why}; choose another address`, { cause: error });
  }
}
