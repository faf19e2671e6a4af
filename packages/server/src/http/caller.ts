import type { FastifyRequest } from "fastify";
import type { Caller } from "../access/gatekeeper.js";
import { isLoopback } from "./listen-address.js";

/**
 * What of a request says who sends it: behind proxies that are trusted the last address of `X-Forwarded-For` that is none of theirs. A host that is
 * none of HTTP's is not repeated in a challenge.
 */
export function callerOf(request: FastifyRequest, publicUrl: string | undefined): Caller {
  const host = request.headers.host ?? "";
  const scheme = request.protocol === "https" ? "https" : "http";
  const named = /^[A-Za-z0-9.:[\]-]{1,255}$/.test(host) ? `${scheme}://${host}` : "";
  return {
    authorization: request.headers.authorization,
    address: request.ip ?? "", // undefined once the connection is gone
    isLocal: isLoopback(host.replace(/:\d+$/, "")),
    origin: publicUrl ?? named,
  };
}
