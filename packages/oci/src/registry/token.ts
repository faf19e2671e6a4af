import { z } from "zod";
import { optional, parseJsonDocument } from "../documents/json-document.js";
import type { Credentials } from "./credentials.js";
import { errorOfResponse, requestName } from "./error-of-response.js";
import { UnexpectedReplyError } from "./errors.js";
import type { HttpRequest } from "./http-request.js";
import { sendFollowing } from "./redirects.js";
import type { HttpTransport } from "./transport.js";

/** A bearer token and how long it is good for. */
export interface Token {
  readonly value: string;
  /** Renew before. Milliseconds of `performance.now()`: the clock of the machine may jump. */
  readonly renewAtMs: number;
}

/** Where tokens are made, from a Bearer challenge. */
export interface TokenService {
  readonly realm: URL;
  readonly service: string | undefined;
}

const maxTokenReplyBytes = 256 * 1024;
/** When the reply does not say (distribution: token authentication specification). Seconds. */
const defaultLifeSeconds = 60;
/** A token is renewed when this share of its life is left, so that it does not end under way. */
const renewShare = 0.2;

const tokenSchema = z.object({
  token: optional(z.string()),
  access_token: optional(z.string()),
  expires_in: optional(z.number()),
});

/**
 * Asks a token service: an identity token by POST (OAuth 2 refresh), a password by Basic, or anonymously.
 *
 * @throws {UnauthorizedError} and the other classes for the service's status; {UnexpectedReplyError} if the reply holds no token
 */
export async function fetchToken(
  transport: HttpTransport,
  service: TokenService,
  scopes: readonly string[],
  credentials: Credentials | undefined,
): Promise<Token> {
  const askedAtMs = performance.now();
  const response = await sendFollowing(transport, tokenRequest(service, scopes, credentials));
  if (response.status !== 200) throw await errorOfResponse(response);
  const bytes = await response.body.readAll(maxTokenReplyBytes);
  const what = `token from ${service.realm.host}`;
  const reply = parseJsonDocument(bytes, tokenSchema, what);
  const value = reply.token || reply.access_token || "";
  if (!/^[\x21-\x7e]+$/.test(value)) {
    throw new UnexpectedReplyError("the reply holds no token", { request: requestName(response), status: 200 });
  }
  const lifeSeconds = Math.max(1, reply.expires_in ?? defaultLifeSeconds);
  return { value, renewAtMs: askedAtMs + lifeSeconds * 1000 * (1 - renewShare) };
}

function tokenRequest(
  service: TokenService,
  scopes: readonly string[],
  credentials: Credentials | undefined,
): HttpRequest {
  const url = new URL(service.realm);
  if (credentials?.kind === "identity-token") {
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      client_id: "sluice",
      refresh_token: credentials.token,
    });
    if (service.service !== undefined) form.set("service", service.service);
    form.set("scope", scopes.join(" "));
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return { method: "POST", url, kind: "token", headers, body: Buffer.from(form.toString()) };
  }
  if (service.service !== undefined) url.searchParams.set("service", service.service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  if (credentials === undefined) return { method: "GET", url, kind: "token" };
  url.searchParams.set("account", credentials.username);
  return { method: "GET", url, kind: "token", confined: { authorization: basicAuthorization(credentials) } };
}

/** RFC 7617. */
export function basicAuthorization(credentials: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64")}`;
}
