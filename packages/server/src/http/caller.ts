import type { FastifyRequest } from "fastify";
import type { Caller } from "../access/gatekeeper.js";
import { isLoopback } from "./listen-address.js";

/** What of a request says who sends it. A host that is none of HTTP's is not repeated in a challenge. */
export function callerOf(request: FastifyRequest, publicUrl: string | undefined): Caller {
  const host = request.headers.host ?? "";
  const named = /^[A-Za-z0-9.:[\]-]{1,255}$/.test(host) ? `${request.protocol}://${host}` : "";
  return {
    authorization: request.headers.authorization,
    address: request.socket.remoteAddress ?? "",
    isLocal: isLoopback(host.replace(/:\d+$/, "")),
    origin: publicUrl ?? named,
  };
}
