import type { AbortOptions } from "../abort-options.js";
import { abortable } from "./abortable.js";
import { type Challenge, parseChallenges } from "./challenge.js";
import type { CredentialSource, Credentials } from "./credentials.js";
import { isLoopback } from "./endpoint.js";
import { RegistryError, UnauthorizedError } from "./errors.js";
import { basicAuthorization, fetchToken, type Token, type TokenService } from "./token.js";
import type { HttpTransport } from "./transport.js";

type Method = { readonly kind: "basic" } | ({ readonly kind: "bearer" } & TokenService);

/** With the origin that asked who we are. */
interface AnswerOptions extends AbortOptions {
  readonly origin: URL;
}

/** Tokens held at once; a node that pulls from many repositories needs a few dozen. */
const maxTokens = 1000;

/**
 * Says who we are to one registry. Learns from the first 401 how the registry wants to be told; from then on no request pays for another.
 * Tokens are kept until shortly before they end; credentials are looked for again each time one is needed.
 */
export class Authenticator {
  readonly #host: string;
  readonly #transport: HttpTransport;
  readonly #source: CredentialSource;
  readonly #tokens = new Map<string, Token>();
  readonly #flights = new Map<string, Promise<Token>>();
  #method: Method | undefined;
  #basic: string | undefined;
  #lookedAt: readonly string[] = [];
  /** Scopes for which what we said was accepted. */
  readonly #accepted = new Set<string>();

  constructor(host: string, transport: HttpTransport, source: CredentialSource) {
    this.#host = host;
    this.#transport = transport;
    this.#source = source;
  }

  /** The value of `Authorization` for these scopes, as far as known; undefined before the first challenge. */
  async authorization(scopes: readonly string[], options?: AbortOptions): Promise<string | undefined> {
    if (this.#method === undefined) return undefined;
    if (this.#method.kind === "basic") return this.#basic;
    return `Bearer ${(await this.#token(this.#method, scopes, options)).value}`;
  }

  /**
   * A new value after a 401 to `rejected`; undefined when there is nothing better to offer. A 401 that does not say how to answer is answered as the last one was.
   *
   * @throws what the token service's answer maps to
   */
  async answer(
    header: string | undefined,
    scopes: readonly string[],
    rejected: string | undefined,
    options: AnswerOptions,
  ): Promise<string | undefined> {
    const method = chooseMethod(parseChallenges(header ?? ""), options.origin) ?? this.#method;
    if (method === undefined) return undefined;
    this.#method = method;
    if (method.kind === "bearer") return `Bearer ${(await this.#token(method, scopes, options)).value}`;
    const credentials = await this.#credentials(scopes);
    this.#basic = credentials?.kind === "password" ? basicAuthorization(credentials) : undefined;
    return this.#basic === rejected ? undefined : this.#basic;
  }

  /** A request for these scopes was answered as it should be. */
  accepted(scopes: readonly string[], authorization: string | undefined): void {
    const key = keyOf(scopes);
    if (authorization === undefined || this.#accepted.has(key)) return;
    dropOldest(this.#accepted);
    this.#accepted.add(key);
  }

  /** A token that was answered with 401 is not used again; the next one is fetched. */
  refused(scopes: readonly string[], authorization: string | undefined): void {
    const key = keyOf(scopes);
    if (authorization === `Bearer ${this.#tokens.get(key)?.value}`) this.#tokens.delete(key);
  }

  /**
   * Whether a 401 may pass: who was let in before is let in again once the registry or its token service is itself again. Who never was may lack the password.
   */
  mayPass(scopes: readonly string[]): boolean {
    return this.#accepted.has(keyOf(scopes));
  }

  /** What to do about a 401 that stays. */
  get cure(): string {
    const where = this.#lookedAt.length === 0 ? "" : `Credentials were looked for in ${this.#lookedAt.join(", ")}. `;
    return `${where}Log in to ${this.#host}`;
  }

  async #token(service: TokenService, scopes: readonly string[], options?: AbortOptions): Promise<Token> {
    const key = keyOf(scopes);
    const held = this.#tokens.get(key);
    if (held !== undefined && performance.now() < held.renewAtMs) return held;
    const flight = this.#flights.get(key) ?? this.#startFlight(key, service, scopes);
    return abortable(flight, options?.signal);
  }

  /** One request for all who wait for the same scopes; it has its own deadlines and outlives who leaves. */
  #startFlight(key: string, service: TokenService, scopes: readonly string[]): Promise<Token> {
    const flight = this.#fetch(service, scopes).then((token) => {
      dropOldest(this.#tokens);
      this.#tokens.set(key, token);
      return token;
    });
    this.#flights.set(key, flight);
    const done = (): void => {
      this.#flights.delete(key);
    };
    flight.then(done, done);
    return flight;
  }

  async #fetch(service: TokenService, scopes: readonly string[]): Promise<Token> {
    const credentials = await this.#credentials(scopes);
    try {
      return await fetchToken(this.#transport, service, scopes, credentials);
    } catch (error) {
      if (!(error instanceof RegistryError) || (error.status !== 401 && error.status !== 403)) throw error;
      const { entries, request, status } = error;
      const facts = { request, status, entries, cure: this.cure, cause: error };
      throw new UnauthorizedError(`the token service answered ${status}`, facts, this.mayPass(scopes));
    }
  }

  async #credentials(scopes: readonly string[]): Promise<Credentials | undefined> {
    const repository = /^repository:([^:]+):/.exec(scopes[0] ?? "")?.[1] ?? "";
    const found = await this.#source.find(this.#host, repository);
    this.#lookedAt = found.lookedAt;
    return found.credentials;
  }
}

/** Bearer before Basic. */
function chooseMethod(challenges: readonly Challenge[], origin: URL): Method | undefined {
  for (const { parameters, scheme } of challenges) {
    const realm = parameters.get("realm") ?? "";
    if (scheme !== "bearer" || !URL.canParse(realm)) continue;
    const url = new URL(realm);
    if (mayAsk(url, origin)) return { kind: "bearer", realm: url, service: parameters.get("service") };
  }
  return challenges.some(({ scheme }) => scheme === "basic") ? { kind: "basic" } : undefined;
}

/** A password goes to a realm over HTTPS; in the clear only for a registry that is itself asked in the clear, and only to its own host. */
function mayAsk(realm: URL, origin: URL): boolean {
  if (realm.protocol === "https:") return true;
  if (realm.protocol !== "http:" || origin.protocol !== "http:") return false;
  return realm.hostname === origin.hostname || (isLoopback(realm.host) && isLoopback(origin.host));
}

function dropOldest(held: Map<string, unknown> | Set<string>): void {
  const oldest = held.size >= maxTokens ? held.keys().next().value : undefined;
  if (oldest !== undefined) held.delete(oldest);
}

const keyOf = (scopes: readonly string[]): string => [...scopes].sort().join(" ");
