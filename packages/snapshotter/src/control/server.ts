import { chmod, rm } from "node:fs/promises";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import type { Logger } from "../observe/log.js";
import { apiVersion, apiVersionHeader, type NodeService } from "./api.js";
import {
  chainIdSchema,
  containerIdSchema,
  containerRequestSchema,
  imageAddressSchema,
  mountRequestSchema,
  pullsQuerySchema,
  stopRequestSchema,
  unmountRequestSchema,
} from "./api-schemas.js";
import { answerOfError } from "./error-answer.js";

/** References and paths; nothing here is long. Bytes. */
const maxBodyBytes = 64 * 1024;

/** The caller speaks another version of the control API. */
export class ApiVersionError extends Error {
  override readonly name = "ApiVersionError";
  readonly code = "API_VERSION";
}

/**
 * Serves the control API on a unix socket that only its owner may open; its folder must be private too, because the socket is born public.
 * A socket that is left there is replaced: whoever calls this has made sure that no other daemon serves the root.
 *
 * A caller who hangs up ends what it asked for, where that can end.
 */
export async function serveControl(
  socketPath: string,
  service: NodeService,
  log: Logger,
): Promise<AsyncDisposable & { close(): Promise<void> }> {
  const server = fastify({ bodyLimit: maxBodyBytes, logger: false });
  addVersionCheck(server);
  server.setErrorHandler((error, request, reply) => {
    const { status, body, expected } = answerOfError(error);
    log[expected ? "info" : "error"](
      { err: error, method: request.method, url: request.url },
      "control request failed",
    );
    return reply.code(status).send(body);
  });
  addRoutes(server, service);
  await rm(socketPath, { force: true });
  await server.listen({ path: socketPath });
  await chmod(socketPath, 0o600);
  const close = async (): Promise<void> => {
    server.server.closeIdleConnections();
    await server.close();
    await rm(socketPath, { force: true });
  };
  return { close, [Symbol.asyncDispose]: close };
}

/** Prometheus asks without the header; the version check is for programs that read the JSON. */
function addVersionCheck(server: FastifyInstance): void {
  server.addHook("onRequest", async (request, reply) => {
    reply.header(apiVersionHeader, String(apiVersion));
    const theirs = request.headers[apiVersionHeader];
    if (!request.url.startsWith("/v1/") || theirs === String(apiVersion)) return;
    throw new ApiVersionError(
      `the daemon speaks control API ${apiVersion}, the caller ${theirs ?? "none"}: use the same version of the program, or restart the daemon`,
    );
  });
}

function addRoutes(server: FastifyInstance, service: NodeService): void {
  server.get("/v1/status", () => service.status());
  server.get("/v1/mounts", () => service.mounts());
  server.post("/v1/mounts", (request, reply) =>
    service.mount(mountRequestSchema.parse(request.body), signalOf(request, reply)),
  );
  server.post("/v1/unmount", async (request) => {
    await service.unmount(unmountRequestSchema.parse(request.body));
    return {};
  });
  server.post("/v1/containers", (request, reply) =>
    service.prepareContainer(containerRequestSchema.parse(request.body), signalOf(request, reply)),
  );
  server.delete("/v1/containers/:id", async (request) => {
    await service.removeContainer(containerIdSchema.parse(request.params).id);
    return {};
  });
  server.get("/v1/recordings/:id", async (request, reply) => {
    reply.type("application/json; charset=utf-8");
    return Buffer.from(await service.recording(containerIdSchema.parse(request.params).id));
  });
  server.post("/v1/why", (request, reply) =>
    service.why(imageAddressSchema.parse(request.body), signalOf(request, reply)),
  );
  server.get("/v1/layers/:chainId", (request) => service.layers(chainIdSchema.parse(request.params).chainId));
  server.get("/v1/pulls", (request) => service.pulls(pullsQuerySchema.parse(request.query).after));
  server.get("/v1/store", () => service.storeUse());
  server.post("/v1/store/gc", (request, reply) => service.storeGc(signalOf(request, reply)));
  server.post("/v1/store/scrub", (request, reply) => service.storeScrub(signalOf(request, reply)));
  server.post("/v1/stop", (request) => service.stop(stopRequestSchema.parse(request.body ?? {})));
  server.get("/metrics", async (_request, reply) => {
    reply.type("text/plain; version=0.0.4; charset=utf-8");
    return await service.metrics();
  });
}

/** Fires when the caller hangs up before it has its answer. */
function signalOf(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once("close", () => {
    if (reply.raw.writableEnded) return;
    controller.abort(new Error(`the caller of ${request.method} ${request.url} hung up`));
  });
  return controller.signal;
}
