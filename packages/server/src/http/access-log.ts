import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Logger } from "pino";

/** Of what clients say of themselves. Characters. */
const maxAgentLength = 200;
/** Of a path; names and tags are shorter. Characters. */
const maxPathLength = 1000;

const accounts = new WeakMap<object, string>();

/** Remembers who sends a request, for its line; "" for those who do not log in. */
export function noteAccount(request: FastifyRequest, account: string): void {
  accounts.set(request, account);
}

/**
 * One line for each request when its answer ends, however it ends: `{"msg":"request", method, path, status, sentBytes, milliseconds, address, account,
 * agent}`. The query stays out: it may hold what a login is made of. `isCut` says that the client did not get all of it.
 */
export function addAccessLog(app: FastifyInstance, log: Logger): void {
  app.addHook("onRequest", async (request, reply) => {
    const startedAt = performance.now();
    reply.raw.once("close", () => log.info(lineOf(request, reply, startedAt), "request"));
  });
}

function lineOf(request: FastifyRequest, { raw }: FastifyReply, startedAt: number): object {
  const [path = ""] = (request.raw.url ?? "").split("?", 1);
  const isCut = !raw.writableFinished;
  const sentBytes = Number(raw.getHeader("content-length") ?? 0);
  return {
    method: request.method,
    path: path.slice(0, maxPathLength),
    status: raw.statusCode,
    ...(isCut ? { isCut } : { sentBytes: request.method === "HEAD" ? 0 : sentBytes }),
    milliseconds: Math.round(performance.now() - startedAt),
    address: request.socket.remoteAddress,
    account: accounts.get(request),
    agent: request.headers["user-agent"]?.slice(0, maxAgentLength),
  };
}
