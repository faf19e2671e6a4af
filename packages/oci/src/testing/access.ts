import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { errorReply, jsonReply, type Reply } from "./reply.js";

/** How the test registry wants to be told who asks. Without a password, everybody gets a token. */
export type AccessOptions =
  | { readonly kind: "none" }
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  | {
      readonly kind: "token";
      readonly username?: string;
      readonly password?: string;
      /** Accepted by POST, as an identity token. */
      readonly identityToken?: string;
      /** Default: 300. */
      readonly expiresInSeconds?: number;
    };

/** Lets requests in, or answers 401; and hands out tokens. */
export class Access {
  readonly #options: AccessOptions;
  readonly #tokens = new Map<string, { readonly scopes: readonly string[]; readonly untilMs: number }>();
  /** Tokens handed out so far. */
  issued = 0;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** Every token that was handed out is refused from now on. */
  revokeAll(): void {
    this.#tokens.clear();
  }

  /** Undefined when the request may pass. `scope` is what it needs, such as `repository:app:pull`. */
  refuse(request: IncomingMessage, origin: string, scope: string): Reply | undefined {
    const options = this.#options;
    const authorization = request.headers.authorization ?? "";
    if (options.kind === "none") return undefined;
    if (options.kind === "basic") {
      return isBasic(authorization, options) ? undefined : unauthorized('Basic realm="test registry"');
    }
    const token = this.#tokens.get(authorization.replace(/^Bearer /, ""));
    const covered = token !== undefined && token.untilMs > performance.now() && covers(token.scopes, scope);
    return covered
      ? undefined
      : unauthorized(`Bearer realm="${origin}/token",service="test registry",scope="${scope}"`);
  }

  /** The token service. */
  async token(request: IncomingMessage, url: URL, readBody: () => Promise<Uint8Array>): Promise<Reply> {
    const options = this.#options;
    if (options.kind !== "token") return errorReply(404, "NAME_UNKNOWN", "no token service");
    const isPost = request.method === "POST";
    const form = new URLSearchParams(isPost ? Buffer.from(await readBody()).toString("utf8") : url.search);
    const { password, username } = options;
    const anonymous = username === undefined || password === undefined;
    const known = isPost
      ? form.get("grant_type") === "refresh_token" && form.get("refresh_token") === options.identityToken
      : anonymous || isBasic(request.headers.authorization ?? "", { username, password });
    if (!known) return errorReply(401, "UNAUTHORIZED", "wrong user or password");
    const value = randomUUID();
    const lifeSeconds = options.expiresInSeconds ?? 300;
    const scopes = isPost ? (form.get("scope") ?? "").split(" ") : form.getAll("scope");
    this.#tokens.set(value, { scopes, untilMs: performance.now() + lifeSeconds * 1000 });
    this.issued++;
    return jsonReply(200, { token: value, access_token: value, expires_in: lifeSeconds });
  }
}

const unauthorized = (challenge: string): Reply =>
  errorReply(401, "UNAUTHORIZED", "authentication required", { "www-authenticate": challenge });

function isBasic(authorization: string, expected: { readonly username: string; readonly password: string }): boolean {
  const given = Buffer.from(authorization.replace(/^Basic /, ""), "base64").toString("utf8");
  return authorization.startsWith("Basic ") && given === `${expected.username}:${expected.password}`;
}

/** Whether one of the granted scopes has the name and every action of the needed one. */
function covers(granted: readonly string[], needed: string): boolean {
  if (needed === "") return true;
  const [type, name, actions = ""] = needed.split(":");
  return granted.some((scope) => {
    const [grantedType, grantedName, grantedActions = ""] = scope.split(":");
    const has = new Set(grantedActions.split(","));
    return grantedType === type && grantedName === name && actions.split(",").every((action) => has.has(action));
  });
}
