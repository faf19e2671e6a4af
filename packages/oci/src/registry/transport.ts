import { Readable } from "node:stream";
import type { Agent, buildConnector, Dispatcher, request } from "undici";
import type { AbortOptions } from "../abort-options.js";
import { type AddressRule, checkLiteral, guardedLookup } from "./addresses.js";
import { defaultConnections, type TimeoutConfig } from "./config.js";
import { Deadline, ProgressDeadline } from "./deadline.js";
import { RegistryUnreachableError } from "./errors.js";
import { Exchange } from "./exchange.js";
import { type HttpRequest, nameOfRequest } from "./http-request.js";
import type { RequestMeter } from "./metering.js";
import { ResponseBody } from "./response-body.js";
import { transportError } from "./transport-error.js";

export interface HttpResponse {
  /** The request that was answered; behind a redirect, its last hop. */
  readonly request: HttpRequest;
  readonly status: number;
  /** First value of a header; names in lower case. */
  readonly header: (name: string) => string | undefined;
  /** Read it, or `discard` it: until then it holds a connection. */
  readonly body: ResponseBody;
}

export interface TransportOptions {
  readonly timeouts: TimeoutConfig;
  /** Connections per origin. Default: 16 or more. */
  readonly connections?: number | undefined;
  /** Certificate authorities in PEM, in place of the system's. */
  readonly ca?: string | readonly string[] | undefined;
  /** Certificates in PEM that say who we are, and their keys, pair by pair. */
  readonly clientCertificates?: readonly { readonly cert: string; readonly key: string }[] | undefined;
  /** Accepts any certificate. For test set-ups only. */
  readonly insecureSkipVerify?: boolean | undefined;
  readonly userAgent?: string | undefined;
  /** Looked at for every connection, those behind redirects and to token services too. Default: anything may be reached. */
  readonly addresses?: AddressRule | undefined;
  readonly onRequest?: RequestMeter | undefined;
}

/** Idle connections are kept this long, unless the registry names a shorter time. Longer than a pause between two starts of a pod. */
const keepAliveMs = 30_000;

/** HTTP exchanges, one at a time, over pooled connections: deadlines, metering, and no opinion about statuses. The only user of undici. */
export class HttpTransport {
  readonly #options: TransportOptions;
  #pool: Promise<Pool> | undefined;
  #closed = false;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /**
   * Resolves with the headers. Any status is an answer.
   *
   * @throws {RegistryUnreachableError} {RegistryTimeoutError} or the signal's own reason
   */
  async send(http: HttpRequest, options?: AbortOptions): Promise<HttpResponse> {
    const { timeouts } = this.#options;
    if (this.#closed) throw closedError(http);
    this.#pool ??= openPool(this.#options);
    const { agent, request } = await this.#pool;
    const deadline = new Deadline(options?.signal);
    const exchange = new Exchange(http, this.#options.onRequest);
    let uploadError: { readonly error: unknown } | undefined;
    try {
      const body = this.#bodyOf(http, deadline, exchange, (error) => {
        uploadError = { error };
      });
      deadline.arm(timeouts.headersMs);
      const response = await request(http.url, {
        dispatcher: agent,
        method: http.method,
        headers: this.#headersOf(http),
        signal: deadline.signal,
        body,
      });
      deadline.disarm();
      exchange.status = response.statusCode;
      return {
        request: http,
        status: response.statusCode,
        header: (header) => firstOf(response.headers[header]),
        body: new ResponseBody(response.body, { request: http, deadline, timeouts, caller: options?.signal, exchange }),
      };
    } catch (error) {
      deadline.release();
      exchange.end();
      options?.signal?.throwIfAborted();
      if (uploadError !== undefined) throw uploadError.error; // the source of the upload failed, not the registry
      throw transportError(nameOfRequest(http), error, deadline.expired);
    }
  }

  /** Ends every connection; requests under way fail. */
  async close(): Promise<void> {
    this.#closed = true;
    const pool = await this.#pool;
    await pool?.agent.destroy();
  }

  #headersOf(http: HttpRequest): Record<string, string> {
    const sizeBytes = http.body instanceof Uint8Array ? http.body.byteLength : http.body?.sizeBytes;
    return {
      "user-agent": this.#options.userAgent ?? "sluice",
      "accept-encoding": "identity",
      ...http.headers,
      ...http.confined,
      ...(sizeBytes !== undefined && { "content-length": String(sizeBytes) }),
    };
  }

  #bodyOf(
    http: HttpRequest,
    deadline: Deadline,
    exchange: Exchange,
    onSourceError: (error: unknown) => void,
  ): Uint8Array | Readable | null {
    if (http.body === undefined) return null;
    if (http.body instanceof Uint8Array) {
      exchange.sentBytes = http.body.byteLength;
      return http.body;
    }
    const { headersMs } = this.#options.timeouts;
    const progress = new ProgressDeadline(deadline, this.#options.timeouts);
    const upload = uploadOf(http.body.content, progress, exchange, onSourceError, () => deadline.arm(headersMs));
    return Readable.from(upload, { objectMode: false });
  }
}

const closedError = (http: HttpRequest): Error =>
  new RegistryUnreachableError("the client was closed", { request: nameOfRequest(http) }, false);

/** The connections, and what sends over them. */
interface Pool {
  readonly agent: Agent;
  readonly request: typeof request;
}

/** Loads undici, which takes longer than all the rest of this package: a program that asks no registry need not wait for it. */
async function openPool(options: TransportOptions): Promise<Pool> {
  const { connections } = options;
  const undici = await import("undici");
  const agent = new undici.Agent({
    connections: connections ?? defaultConnections,
    keepAliveTimeout: keepAliveMs,
    pipelining: 1,
    headersTimeout: 0, // deadlines are ours, see Deadline
    bodyTimeout: 0,
    connect: connectorOf(undici.buildConnector, options),
  });
  return { agent, request: undici.request };
}

function connectorOf(build: typeof buildConnector, options: TransportOptions): buildConnector.connector {
  const { timeouts, ca, clientCertificates, insecureSkipVerify, addresses } = options;
  const connect = build({
    timeout: timeouts.connectMs,
    ...(ca !== undefined && { ca: typeof ca === "string" ? ca : [...ca] }),
    ...(clientCertificates !== undefined && {
      cert: clientCertificates.map(({ cert }) => cert),
      key: clientCertificates.map(({ key }) => key),
    }),
    ...(insecureSkipVerify === true && { rejectUnauthorized: false }),
    ...(addresses !== undefined && { lookup: guardedLookup(addresses) }),
  });
  if (addresses === undefined) return connect;
  return (wanted, callback) => {
    try {
      checkLiteral(wanted.hostname, addresses);
    } catch (error) {
      callback(error as Error, null); // checkLiteral throws nothing else
      return;
    }
    connect(wanted, callback);
  };
}

/** The registry's time is counted, the source's is not. */
async function* uploadOf(
  content: () => AsyncIterable<Uint8Array>,
  progress: ProgressDeadline,
  exchange: Exchange,
  onSourceError: (error: unknown) => void,
  onSent: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const source = content()[Symbol.asyncIterator]();
  const next = () =>
    source.next().catch((error: unknown) => {
      onSourceError(error);
      throw error;
    });
  try {
    progress.moved(0);
    for (let piece = await next(); piece.done !== true; piece = await next()) {
      exchange.sentBytes += piece.value.byteLength;
      progress.waiting();
      yield piece.value;
      progress.moved(piece.value.byteLength);
    }
    onSent();
  } finally {
    await source.return?.();
  }
}

const firstOf = (value: Dispatcher.ResponseData["headers"][string]): string | undefined =>
  Array.isArray(value) ? value.join(", ") : value;
