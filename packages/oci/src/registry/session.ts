import type { AbortOptions } from "../abort-options.js";
import { Authenticator } from "./authenticator.js";
import type { RetryConfig } from "./config.js";
import type { CredentialSource } from "./credentials.js";
import { Endpoint, type EndpointSettings, type PlainHttp } from "./endpoint.js";
import { errorOfResponse } from "./error-of-response.js";
import { RegistryError, RegistryUnreachableError, UnauthorizedError } from "./errors.js";
import type { HttpMethod, StreamBody } from "./http-request.js";
import { LackMemory } from "./lack-memory.js";
import type { RequestKind } from "./metering.js";
import { RedirectCache } from "./redirect-cache.js";
import { sendFollowing } from "./redirects.js";
import { retrying } from "./retry.js";
import type { HttpResponse, HttpTransport } from "./transport.js";

/** A request to the API of one registry. */
export interface RegistryRequest {
  readonly method: HttpMethod;
  /** A path such as `/v2/app/tags/list`, or the absolute URL of a `Location`. */
  readonly target: string | URL;
  readonly kind: RequestKind;
  /** Such as `repository:app:pull`. */
  readonly scopes: readonly string[];
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | StreamBody | undefined;
  /** Statuses that are an answer; every other one is an error. */
  readonly expect: readonly number[];
  /** Remember under this key where the registry redirects to, and go there directly next time. */
  readonly redirectKey?: string | undefined;
}

export interface SessionOptions {
  readonly transport: HttpTransport;
  readonly credentials: CredentialSource;
  readonly retry: RetryConfig;
  readonly plainHttp?: PlainHttp | undefined;
  /** Where the host is asked, if not where its name says. */
  readonly endpoint?: EndpointSettings | undefined;
}

/** The conversation with one registry: endpoint, authentication, redirects, retries. Every request of this package goes through here. */
export class RegistrySession {
  readonly host: string;
  readonly retry: RetryConfig;
  readonly transport: HttpTransport;
  readonly #endpoint: Endpoint;
  readonly #authenticator: Authenticator;
  readonly #redirects = new RedirectCache();
  /** What this registry was found to lack, for some time. */
  readonly lacks: LackMemory = new LackMemory();

  constructor(host: string, options: SessionOptions) {
    this.host = host;
    this.retry = options.retry;
    this.transport = options.transport;
    this.#endpoint = new Endpoint(host, options.plainHttp, options.endpoint);
    this.#authenticator = new Authenticator(host, options.transport, options.credentials);
  }

  /** {@link attempt}, again while it makes sense. */
  send(request: RegistryRequest, options?: AbortOptions): Promise<HttpResponse> {
    return retrying(this.retry, () => this.attempt(request, options), options);
  }

  /** The body of an answer, read whole within the retries: a break in the middle begins anew. */
  document(
    request: RegistryRequest,
    maxBytes: number,
    options?: AbortOptions,
  ): Promise<{ readonly response: HttpResponse; readonly bytes: Uint8Array }> {
    const once = async () => {
      const response = await this.attempt(request, options);
      return { response, bytes: await response.body.readAll(maxBytes) };
    };
    return retrying(this.retry, once, options);
  }

  /**
   * One try, at most two when the registry asks who we are. Resolves with the headers of an expected answer.
   *
   * @throws {RegistryError} by situation, or the signal's own reason
   */
  async attempt(request: RegistryRequest, options?: AbortOptions): Promise<HttpResponse> {
    const remembered = await this.#askRemembered(request, options);
    if (remembered !== undefined) return remembered;
    const response = await this.#authorized(request, options);
    if (request.expect.includes(response.status)) {
      this.#remember(request, response);
      return response;
    }
    const error = await errorOfResponse(response, options?.signal);
    if (!(error instanceof UnauthorizedError)) throw error;
    const { entries, request: name, status } = error;
    const facts = { request: name, status, entries, cure: this.#authenticator.cure };
    throw new UnauthorizedError("not authorized", facts, this.#authenticator.mayPass(request.scopes));
  }

  async #authorized(request: RegistryRequest, options?: AbortOptions): Promise<HttpResponse> {
    const authorization = await this.#authenticator.authorization(request.scopes, options);
    const response = await this.#exchangeNoted(request, authorization, options);
    if (!this.#isOurs401(response)) return response;
    const challenge = response.header("www-authenticate");
    const better = await this.#authenticator
      .answer(challenge, request.scopes, authorization, { ...options, origin: this.#endpoint.origin })
      .catch(async (error) => {
        await response.body.discard();
        throw error;
      });
    if (better === undefined) return response;
    await response.body.discard();
    return this.#exchangeNoted(request, better, options);
  }

  /** {@link #exchange}, and what it says of the authorization. */
  async #exchangeNoted(
    request: RegistryRequest,
    authorization: string | undefined,
    options?: AbortOptions,
  ): Promise<HttpResponse> {
    const response = await this.#exchange(request, authorization, options);
    if (request.expect.includes(response.status)) this.#authenticator.accepted(request.scopes, authorization);
    else if (this.#isOurs401(response)) this.#authenticator.refused(request.scopes, authorization);
    return response;
  }

  #isOurs401({ request, status }: HttpResponse): boolean {
    return status === 401 && request.url.origin === this.#endpoint.origin.origin;
  }

  /** On a loopback host that answers nonsense over HTTP, one try over HTTPS; whichever answers is the one from then on. */
  async #exchange(
    request: RegistryRequest,
    authorization: string | undefined,
    options?: AbortOptions,
  ): Promise<HttpResponse> {
    const { alternative, origin } = this.#endpoint;
    try {
      const response = await this.#sendTo(origin, request, authorization, options);
      if (alternative === undefined || response.status !== 400) {
        this.#endpoint.settleOn(origin);
        return response;
      }
      throw await errorOfResponse(response, options?.signal);
    } catch (error) {
      const mayBeHttps =
        error instanceof RegistryUnreachableError || (error instanceof RegistryError && error.status === 400);
      if (alternative === undefined || !mayBeHttps) throw error;
      const response = await this.#sendTo(alternative, request, authorization, options).catch(() => undefined);
      options?.signal?.throwIfAborted();
      if (response === undefined) throw error;
      this.#endpoint.settleOn(alternative);
      return response;
    }
  }

  #sendTo(
    origin: URL,
    request: RegistryRequest,
    authorization: string | undefined,
    options?: AbortOptions,
  ): Promise<HttpResponse> {
    const { body, kind, method, target } = request;
    const url = this.#endpoint.urlOf(target, origin);
    const isOurs = url.origin === origin.origin;
    const confined = isOurs ? { ...this.#endpoint.headers, ...(authorization !== undefined && { authorization }) } : {};
    const { headers } = request;
    return sendFollowing(this.transport, { method, url, kind, headers, confined, body }, options);
  }

  /** Undefined when nothing is remembered, or the target failed and was forgotten. Targets never see our credentials. */
  async #askRemembered(request: RegistryRequest, options?: AbortOptions): Promise<HttpResponse | undefined> {
    const { headers, kind, method, redirectKey } = request;
    const url = redirectKey === undefined ? undefined : this.#redirects.get(redirectKey);
    if (redirectKey === undefined || url === undefined) return undefined;
    try {
      const response = await this.transport.send({ method, url, kind, headers }, options);
      if (request.expect.includes(response.status)) return response;
      await response.body.discard();
    } catch (error) {
      options?.signal?.throwIfAborted();
      if (!(error instanceof RegistryError)) throw error;
    }
    this.#redirects.delete(redirectKey);
    return undefined;
  }

  #remember(request: RegistryRequest, response: HttpResponse): void {
    const { url } = response.request;
    if (request.redirectKey === undefined || url.origin === this.#endpoint.origin.origin) return;
    this.#redirects.set(request.redirectKey, url);
  }
}
