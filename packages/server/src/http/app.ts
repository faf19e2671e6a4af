import { Server as TlsServer } from "node:tls";
import { type FastifyReply, type FastifyRequest, fastify } from "fastify";
import type { Logger } from "pino";
import { may, type Principal } from "../access/principal.js";
import { actionOf } from "../access/route-action.js";
import { RegistryError } from "../registry/registry-error.js";
import { addAccessLog, noteAccount } from "./access-log.js";
import type { RegistryRequest } from "./answer.js";
import { addApi } from "./api/api.js";
import { callerOf } from "./caller.js";
import {
  boundConnections,
  type ConnectionLimits,
  checkIntervalMs,
  connectionLimits,
  watchBody,
} from "./connections.js";
import { dispatch } from "./dispatch.js";
import { errorAnswer, isFault } from "./error-answer.js";
import { addHealth } from "./health.js";
import type { ServerMetrics } from "./metrics.js";
import { addPage } from "./page.js";
import type { RegistryPlaces } from "./places.js";
import { parseRoute, type Route } from "./route.js";
import { sendAnswer } from "./send-answer.js";
import type { Tls, TlsPair } from "./tls.js";
import { addTokenRoute } from "./token-route.js";

/** A client that sends nothing for so long has gone. Milliseconds. */
const idleConnectionMs = 120_000;
/** Clients keep their connections between requests of one pull; longer than their own limits (Go: 90 s). Milliseconds. */
const keepAliveMs = 100_000;

/** While it closes. Milliseconds. */
const sweepIdleMs = 50;

export interface App {
  /** @returns the port it listens on */
  listen(host: string, port: number): Promise<number>;
  /** Answers what is in flight, takes nothing new. Connections still busy after `graceMs` are cut. */
  close(graceMs: number): Promise<void>;
}

interface AppOptions {
  /** Default: plain HTTP. */
  readonly tls?: Tls | undefined;
  readonly connections?: Partial<ConnectionLimits> | undefined;
  /** A line in the log for each request. */
  readonly accessLog?: boolean | undefined;
  /** Addresses, and ranges of them (`10.0.0.0/8`), whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. */
  readonly trustedProxies?: readonly string[] | undefined;
}

/** The HTTP face of the registry: reads the path, dispatches, sends the answer, counts. */
export async function createApp(
  places: RegistryPlaces,
  metrics: ServerMetrics,
  log: Logger,
  { tls, connections, trustedProxies = [], accessLog }: AppOptions = {},
): Promise<App> {
  const limits = await connectionLimits(connections);
  const server = { headersTimeout: limits.headMs, connectionsCheckingInterval: checkIntervalMs(limits) };
  const app = fastify({
    ...(tls ? { https: { ...tls.pair, ...server } } : { http: server }),
    ...(trustedProxies.length > 0 && { trustProxy: [...trustedProxies] }),
    logger: false, // what is worth a line is logged here, with the cause
    exposeHeadRoutes: false,
    forceCloseConnections: "idle",
    keepAliveTimeout: keepAliveMs,
    // Large blobs over slow links take as long as they take; only silence ends a connection, and bodies that trickle in (`watchBody`).
    requestTimeout: 0,
    connectionTimeout: idleConnectionMs,
    frameworkErrors: (error, _request, reply) => void sendAnswer(reply, errorAnswer(error), log),
  });
  // Node's own answer to what is no request, unlike fastify's, never goes into the middle of another answer.
  app.server.removeAllListeners("clientError");
  // Bodies are read by the handlers, as they come.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, log));
  app.setNotFoundHandler((request, reply) =>
    sendError(new RegistryError("NAME_UNKNOWN", "no such path; the registry is below /v2/"), request, reply, log),
  );
  boundConnections(app.server, limits, log);
  if (accessLog === true) addAccessLog(app, log);
  app.addHook("onRequest", async (request) => {
    watchBody(request.raw, limits);
    // No name, tag, digest or id has one, and PostgreSQL fails where it is asked for one.
    if (request.raw.url?.includes("%00")) {
      throw new RegistryError("NAME_INVALID", "the address holds a NUL (%00)");
    }
  });
  app.get("/metrics", async (_request, reply) => {
    const { contentType, text } = await metrics.text();
    return await reply.header("content-type", contentType).send(text);
  });
  app.route({
    method: ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"],
    url: "/v2/*",
    handler: async (request, reply) => {
      const startedAt = performance.now();
      let route: Route | undefined;
      reply.raw.once("close", () => {
        metrics.count({
          method: request.method,
          route: route?.kind ?? "unknown",
          status: reply.raw.statusCode,
          seconds: (performance.now() - startedAt) / 1000,
          receivedBytes: sizeOf(request.headers["content-length"]),
          sentBytes: request.method === "HEAD" ? 0 : sizeOf(reply.raw.getHeader("content-length")),
        });
      });
      const { path, query } = partedUrl(request.raw.url ?? "");
      route = parseRoute(path);
      if (route === undefined) throw new RegistryError("NAME_UNKNOWN", "no such path", undefined, { status: 404 });
      const principal = await admitted(places, route, request);
      return await sendAnswer(reply, await dispatch(places, route, requestOf(request, query, principal)), log);
    },
  });
  app.get("/v2", async (request, reply) => {
    await admitted(places, { kind: "base" }, request);
    return await sendAnswer(reply, { status: 200, body: "{}" }, log);
  });
  const health = addHealth(app, places, log);
  addTokenRoute(app, places);
  await addApi(app, places);
  await addPage(app);
  tls?.onChange((pair) => setPair(app.server, pair));
  return {
    listen: async (host, port) => {
      await app.listen({ host, port });
      const address = app.server.address();
      return typeof address === "object" && address !== null ? address.port : port;
    },
    close: async (graceMs) => {
      health.stopping();
      const cut = setTimeout(() => app.server.closeAllConnections(), graceMs);
      // One whose answer has just gone may not count as idle yet when closing begins.
      const sweep = setInterval(() => app.server.closeIdleConnections(), sweepIdleMs);
      try {
        await app.close();
      } finally {
        clearTimeout(cut);
        clearInterval(sweep);
      }
    },
  };
}

const emptyQuery = new URLSearchParams();

/** What follows `/v2/`, decoded, and the query. @throws {RegistryError} NAME_INVALID for a broken escape */
function partedUrl(url: string): { readonly path: string; readonly query: URLSearchParams } {
  const mark = url.indexOf("?");
  const path = (mark < 0 ? url : url.slice(0, mark)).slice("/v2/".length);
  const query = mark < 0 ? emptyQuery : new URLSearchParams(url.slice(mark + 1));
  try {
    return { path: path.includes("%") ? decodeURIComponent(path) : path, query };
  } catch {
    throw new RegistryError("NAME_INVALID", "the path holds a broken % escape");
  }
}

/** @throws {RegistryError} UNAUTHORIZED or DENIED when whoever asks may not */
async function admitted(places: RegistryPlaces, route: Route, request: FastifyRequest): Promise<Principal> {
  const caller = callerOf(request, places.publicUrl);
  const principal = await places.gatekeeper.principalOf(caller);
  noteAccount(request, principal.name);
  if (route.kind === "base") places.gatekeeper.demandLogin(principal, caller);
  else if (route.kind !== "catalog") {
    places.gatekeeper.demand(principal, caller, route.repository, actionOf(route, request.method));
  }
  return principal;
}

const requestOf = (request: FastifyRequest, query: URLSearchParams, principal: Principal): RegistryRequest => ({
  permissions: { may: (repository, action) => may(principal, repository, action) },
  caller: principal.name,
  method: request.method,
  query,
  headers: request.headers,
  body: request.raw,
});

async function sendError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  log: Logger,
): Promise<FastifyReply> {
  const answer = errorAnswer(error);
  // A client that went away in the middle is its own affair.
  const isTheirs = request.raw.destroyed && !request.raw.complete;
  const line = { method: request.method, url: request.url, status: answer.status, err: error };
  if (isFault(answer) && !isTheirs) log.error(line, "request failed");
  else log.debug(line, "request refused");
  // The rest of a body that nobody will read must not be taken for the next request.
  if (!request.raw.complete) reply.header("connection", "close");
  return await sendAnswer(reply, answer, log);
}

function setPair(server: object, pair: TlsPair): void {
  if (server instanceof TlsServer) server.setSecureContext(pair);
}

const sizeOf = (header: string | number | string[] | undefined): number => {
  const sizeBytes = Number(header ?? 0);
  return Number.isSafeInteger(sizeBytes) ? sizeBytes : 0;
};
