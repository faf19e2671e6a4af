import type { AbortOptions } from "../abort-options.js";
import type { Repository } from "../repository/repository.js";
import { defaultRetry, defaultTimeouts, type RetryConfig, type TimeoutConfig } from "./config.js";
import type { CredentialSource } from "./credentials.js";
import { dockerConfigCredentials } from "./docker-config.js";
import type { PlainHttp } from "./endpoint.js";
import type { HostRouting } from "./hosts/host-routing.js";
import { HostSessions } from "./hosts/host-sessions.js";
import { MirroredRepository } from "./hosts/mirrored-repository.js";
import { RegistryRepository } from "./registry-repository.js";
import { RegistrySession } from "./session.js";
import { HttpTransport, type TransportOptions } from "./transport.js";

export interface RegistryClientOptions extends Omit<TransportOptions, "timeouts"> {
  /** Default: what `docker login` and `podman login` left behind. */
  readonly credentials?: CredentialSource | undefined;
  /** Default: loopback hosts are tried over plain HTTP first, others never. */
  readonly plainHttp?: PlainHttp | undefined;
  readonly timeouts?: Partial<TimeoutConfig> | undefined;
  readonly retry?: Partial<RetryConfig> | undefined;
  /** Whom to ask for which registry. Default: the registry itself. */
  readonly routing?: HostRouting | undefined;
  readonly mirrorTimeouts?: Partial<TimeoutConfig> | undefined;
}

/**
 * The way to every registry: one pool of connections, one session (endpoint, tokens, redirects) per host. Make one per process, and
 * close it at the end.
 */
export class RegistryClient implements AsyncDisposable {
  readonly #transport: HttpTransport;
  readonly #options: RegistryClientOptions;
  readonly #credentials: CredentialSource;
  readonly #sessions = new Map<string, RegistrySession>();
  readonly #routed: HostSessions | undefined;

  constructor(options: RegistryClientOptions = {}) {
    this.#options = options;
    this.#credentials = options.credentials ?? dockerConfigCredentials();
    this.#transport = new HttpTransport({ ...options, timeouts: { ...defaultTimeouts, ...options.timeouts } });
    const { routing } = options;
    const retry = { ...defaultRetry, ...options.retry };
    this.#routed = routing && new HostSessions({ ...options, routing, credentials: this.#credentials, retry });
  }

  /** @param host `HOST[:PORT]` and @param repository as a parsed reference has them */
  repository(host: string, repository: string): Repository {
    const routed = this.#routed;
    if (routed !== undefined) {
      const onMirrorFailed = this.#options.routing?.onMirrorFailed ?? (() => undefined);
      return new MirroredRepository({ host, repository, routes: () => routed.of(host), onMirrorFailed });
    }
    return new RegistryRepository(this.#session(host), repository);
  }

  /**
   * Whether a registry answers at this host and accepts us.
   *
   * @throws {UnauthorizedError} {RegistryUnreachableError} and the others, by situation
   */
  async ping(host: string, options?: AbortOptions): Promise<void> {
    const request = { method: "GET", target: "/v2/", kind: "ping", scopes: [], expect: [200] } as const;
    const session = (await this.#routed?.of(host))?.server ?? this.#session(host);
    const response = await session.send(request, options);
    await response.body.discard();
  }

  /** Cuts what is under way and closes every connection. */
  async close(): Promise<void> {
    await Promise.all([this.#transport.close(), this.#routed?.close()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #session(host: string): RegistrySession {
    const known = this.#sessions.get(host);
    if (known !== undefined) return known;
    const session = new RegistrySession(host, {
      transport: this.#transport,
      credentials: this.#credentials,
      retry: { ...defaultRetry, ...this.#options.retry },
      plainHttp: this.#options.plainHttp,
    });
    this.#sessions.set(host, session);
    return session;
  }
}
